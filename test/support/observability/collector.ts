import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Value = { stringValue?: string; intValue?: number | string; boolValue?: boolean }

interface Attribute {
  key: string
  value: Value
}

interface WireSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  links?: { traceId: string; spanId: string }[]
  attributes: Attribute[]
  status: { code?: number }
}

/** One span as the collector received it. */
export interface CollectedSpan extends Omit<WireSpan, 'attributes' | 'links'> {
  links: { traceId: string; spanId: string }[]
  attributes: Record<string, unknown>
  /** Attributes of the process. */
  resource: Record<string, unknown>
}

export interface Collector {
  url: string
  spans: CollectedSpan[]
  close(): Promise<void>
}

/** Takes OTLP in JSON over HTTP, as an OpenTelemetry collector does. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const isOtlp = request.method === 'POST' && request.url === '/v1/traces'
    const isJson = request.headers['content-type'] === 'application/json'
    if (isOtlp && isJson) spans.push(...spansIn(JSON.parse(body)))
    response.writeHead(isOtlp && isJson ? 200 : 400, { 'Content-Type': 'application/json' })
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

interface Body {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { spans: WireSpan[] }[]
  }[]
}

function spansIn(body: Body): CollectedSpan[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        links: span.links ?? [],
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  )
}

function plain(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
