import { html } from 'hono/html'
import { codesIn } from './failures.ts'
import { type JsonSchema, json, prose, schemaView, style } from './schema-view.ts'

/** The parts of the OpenAPI document that the page shows. */
export interface Document {
  info: { title: string; version: string; summary: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, JsonSchema>
    examples: Record<string, { value: unknown }>
  }
}

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  security: unknown[]
  parameters: Parameter[]
  requestBody?: { content: Record<string, { schema: JsonSchema }> }
  responses: Record<string, Answer>
}

interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  schema: JsonSchema
}

interface Answer {
  description: string
  content?: Record<string, { schema: JsonSchema }>
}

/** The parts of the AsyncAPI document that the page shows. */
export interface EventDocument {
  info: { description: string }
  servers: Record<string, { protocol: string; pathname?: string; description: string }>
  channels: Record<string, { address: string; messages: Record<string, unknown> }>
  operations: Record<
    string,
    { action: string; channel: { $ref: string }; messages: { $ref: string }[] }
  >
  components: { messages: Record<string, Message> }
}

interface Message {
  summary?: string
  payload: JsonSchema
  examples: { payload: unknown }[]
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8884; border-radius: 0.4rem; overflow-wrap: normal }
details { border-top: 1px solid #8884; padding: 0.5rem 0 }
details details { border: 0; padding: 0 }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.2rem; font: 700 0.8rem ui-monospace, monospace }
summary span, i { opacity: 0.75 }
h3 { font-size: 1rem; margin: 1rem 0 0.25rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
td { vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; border-top: 1px solid #8882; overflow-wrap: break-word }
td:last-child { padding-right: 0 }
@media (max-width: 40rem) {
  tr { display: block; border-top: 1px solid #8882; padding: 0.2rem 0 }
  td { display: block; border: 0; padding: 0 }
  tr tr { padding-left: 1rem }
}
`

/** The reference of calls, events and errors as one page, without scripts and without requests to other hosts. */
export function docsPage(document: Document, events: EventDocument) {
  const { info, tags, paths, components } = document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} ${info.version}: the API</title>
${style(STYLE)}
</head>
<body>
<main>
<h1>${info.title} <small>${info.version}</small></h1>
<p>${info.summary} For machines: <a href="/openapi.json">openapi.json</a>, and
<a href="/asyncapi.json">asyncapi.json</a> for the events. On this page: calls by subject,
<a href="#events">events</a>, <a href="#errors">errors</a>, <a href="#schemas">schemas</a>.</p>
${tags.map(
  ({ name }) => html`<h2>${name}</h2>
${operations.filter(({ operation }) => operation.tags.includes(name)).map(call)}`,
)}
${eventSection(events)}
<h2 id="errors">Errors</h2>
<p>All of one form, <a href="#Problem">Problem</a>; programs read <code>code</code>.</p>
${Object.entries(components.examples).map(
  ([code, { value }]) =>
    html`<details id="error-${code}"><summary><code>${code}</code></summary>${json(value)}</details>`,
)}
<h2 id="schemas">Schemas</h2>
${Object.entries(components.schemas).map(
  ([name, schema]) =>
    html`<details id="${name}"><summary><b>${name}</b></summary>${schemaView(schema)}</details>`,
)}
</main>
</body>
</html>`
}

function call({ path, method, operation }: { path: string; method: string; operation: Operation }) {
  const { operationId, summary, description = '', security, parameters, responses } = operation
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  return html`<details id="${operationId}">
<summary><b>${method.toUpperCase()}</b> <code>${path}</code> <span>${prose(summary)}</span></summary>
<p>${prose(description)} ${security.length === 0 ? 'Takes no token.' : ''}</p>
${parameters.length === 0 ? '' : html`<h3>Parameters</h3>${schemaView(asObject(parameters))}`}
${body === undefined ? '' : html`<h3>Body</h3>${schemaView(body)}`}
<h3>Answers</h3>
<div class="wide"><table>${Object.entries(responses).map(answer)}</table></div>
</details>`
}

/** Parameters as the fields of an object, so that both are shown alike. */
function asObject(parameters: readonly Parameter[]): JsonSchema {
  return {
    properties: Object.fromEntries(
      parameters.map(({ name, in: place, description = '', schema }) => [
        name,
        { ...schema, description: `In the ${place}. ${description}`.trim() },
      ]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  }
}

function answer([status, { description, content = {} }]: [string, Answer]) {
  const lines = description.split('\n\n')
  const [type, { schema } = {}] = Object.entries(content)[0] ?? []
  const shown =
    status >= '300'
      ? ''
      : type === 'application/json'
        ? schemaView(schema)
        : Object.keys(content).map((name) => html`<code>${name}</code> `)
  return html`<tr><td>${status}<td>${lines.map((line) => html`<div>${failure(line)}</div>`)}${shown}</tr>`
}

/** A line of an error's description. Codes at its start become links to their examples. */
function failure(line: string): unknown {
  const codes = codesIn([line])
  if (codes.length === 0) return prose(line)
  const links = codes.map(
    (code, i) => html`${i > 0 ? ', ' : ''}<a href="#error-${code}"><code>${code}</code></a>`,
  )
  return html`${links}:${prose(line.slice(line.indexOf(':') + 1))}`
}

function eventSection({ info, servers, channels, operations, components }: EventDocument) {
  const received = Object.values(operations)
    .filter(({ action, channel }) => action === 'receive' && !channel.$ref.endsWith('/updates'))
    .flatMap(({ messages }) => messages.map(({ $ref }) => $ref.split('/').at(-1)))
  const { update, ...messages } = components.messages
  const list = (names: string[]) =>
    names.map((name) => {
      const { summary = '', payload, examples } = messages[name] as Message
      return html`<details id="event-${name}">
<summary><code>${name}</code> <span>${prose(summary)}</span></summary>${schemaView(payload)}${json(examples[0]?.payload)}</details>`
    })
  const names = Object.keys(messages)
  return html`<h2 id="events">Events</h2>
<p>${prose(info.description)}</p>
<div class="wide"><table>${Object.entries(servers).map(
    ([name, { description }]) => html`<tr><td>${name}<td>${prose(description)}</tr>`,
  )}</table></div>
<h3>From the server</h3>
${list(names.filter((name) => !received.includes(name)))}
<h3>To the server, over Socket.IO and WebSocket</h3>
${list(names.filter((name) => received.includes(name)))}
<h3>Between the processes: the Redis channel <code>${channels.updates?.address}</code></h3>
<details id="event-update"><summary>${prose(update?.summary ?? '')}</summary>${schemaView(update?.payload)}${json(update?.examples[0]?.payload)}</details>`
}
