import { onTestFinished } from 'vitest'

/** One block of an event stream. */
export interface Block {
  event: string
  id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every payload
  data: any
}

/** A `text/event-stream` as `fetch` reads it. */
export interface EventStream {
  status: number
  headers: Headers
  /** The text so far, comments included. */
  text(): string
  blocks(): Block[]
  ended: Promise<void>
  close(): void
}

export async function openEventStream(
  url: string,
  headers: Record<string, string>,
): Promise<EventStream> {
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const response = await fetch(url, { headers, signal: abort.signal })
  let text = ''
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(part, { stream: true })
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    blocks: () => text.split('\n\n').flatMap(parse),
    ended: read().catch(() => {}),
    close: () => abort.abort(),
  }
}

export function parse(block: string): Block[] {
  const [, event, id, data] = /^event: (\w+)\n(?:id: (.*)\n)?data: (.*)$/.exec(block) ?? []
  return event && data ? [{ event, id, data: JSON.parse(data) }] : []
}
