import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A delivery as a receiver reads it. */
export interface Delivered {
  path: string
  headers: IncomingHttpHeaders
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where that is not there
  body: any
  /** The status of the answer; null if there was none. */
  status: number | null
  /** Receipts at the same time, when this one began. */
  others: { path: string; userId: string | undefined }[]
}

export interface Reply {
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Closes the connection without an answer: before the delivery was accepted, or after it. */
  broken?: 'before' | 'after'
}

export type Behaviour = (delivery: Delivered) => Reply | Promise<Reply>

export interface Receiver {
  url: string
  received: Delivered[]
  /** The answers from now on. Default: 204. */
  behave(behaviour: Behaviour): void
  /** Those that were answered with a success, of the user, in order. */
  accepted(userId?: string): Delivered[]
  close(): Promise<void>
}

/** Fails three times in ten: with a status, without an answer, or with one that gets lost. */
export function unreliable(random: () => number): Behaviour {
  const failures: Reply[] = [{ status: 500 }, { broken: 'before' }, { broken: 'after' }]
  return () => (random() < 0.3 ? (failures[Math.floor(random() * failures.length)] ?? {}) : {})
}

/**
 * Says what is wrong with the deliveries of a user: each is accepted once, after the one before, and repeats are the
 * same. An empty list: nothing.
 */
export function disorder(
  receiver: Pick<Receiver, 'received'>,
  userId: string,
  head: number,
): string[] {
  const problems: string[] = []
  const texts = new Map<number, string>()
  let accepted = 0
  for (const { body, headers, text, status, others } of receiver.received) {
    if (body.data.userId !== userId) continue
    const { seq } = body.data
    if (seq > accepted + 1) problems.push(`${seq} was sent when ${accepted} was accepted`)
    const message = `${headers['webhook-id']} ${text}`
    if ((texts.get(seq) ?? message) !== message) problems.push(`${seq} was repeated otherwise`)
    texts.set(seq, message)
    if (status !== null && status < 300) accepted = Math.max(accepted, seq)
    if (others.some((other) => other.userId === userId)) problems.push(`${seq} was sent too early`)
  }
  if (accepted !== head) problems.push(`${accepted} of ${head} were accepted`)
  return problems
}

/** A webhook receiver on this machine, closed when the test ends. */
export async function startReceiver(behaviour: Behaviour = () => ({})): Promise<Receiver> {
  const received: Delivered[] = []
  const open = new Set<Delivered>()
  let behave = behaviour
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const { url: path = '/', headers } = request
    const others = [...open].map(({ path, body }) => ({ path, userId: body.data?.userId }))
    const delivery: Delivered = {
      path,
      headers,
      text,
      body: text === '' ? undefined : JSON.parse(text),
      status: null,
      others,
    }
    received.push(delivery)
    open.add(delivery)
    const reply = await behave(delivery)
    open.delete(delivery)
    if (reply.broken !== 'before') delivery.status = reply.status ?? 204
    if (reply.broken) return void request.socket.destroy()
    response.writeHead(delivery.status ?? 204, reply.headers).end(reply.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    behave: (next) => {
      behave = next
    },
    accepted: (userId) =>
      received.filter(
        ({ status, body }) =>
          status !== null && status < 300 && (userId === undefined || body.data.userId === userId),
      ),
    close,
  }
}
