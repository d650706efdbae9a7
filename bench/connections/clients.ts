import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { mintToken } from '../../src/auth/tokens.ts'
import { SECRET } from '../secret.ts'

/** What the clients of one process, or of all, have seen so far. */
export interface Seen {
  /** Clients with a connection that has told their balance. */
  open: number
  /** Events that followed the one before. */
  events: number
  /** Events after a gap, or out of order. */
  wrong: number
  /** Connections that ended. */
  ended: number
}

/** What the process is asked, and what it answers. */
export type Asked = 'begin' | 'seen' | 'seqs'

/**
 * A process with clients: `clients.ts <SSE or both> <first user> <count> <port>,<port>…`. Of both transports, users with
 * odd numbers have WebSocket. A client whose connection ends resumes at the next port.
 */
const transports = process.argv[2]
const [first = 0, count = 0] = process.argv.slice(3, 5).map(Number)
const ports = (process.argv[5] ?? '').split(',').map(Number)

/** Connections that one process opens at the same time. */
const AT_ONCE = 100

/** A client that was refused waits for so many milliseconds. */
const PAUSE_MS = 200

const seen: Seen = { open: 0, events: 0, wrong: 0, ended: 0 }
const seqs = new Float64Array(count).fill(-1)
const lastIds = new Array<string>(count).fill('')
const tokens = await Promise.all(
  Array.from({ length: count }, (_, i) =>
    mintToken(SECRET, { sub: `user-${first + i}`, expiresIn: 7200 }),
  ),
)

/** Notes the id of an event. */
function note(client: number, id: string): void {
  const seq = Number(id.slice(id.lastIndexOf(':') + 1))
  const last = seqs[client] as number
  if (last >= 0 && seq !== last) {
    if (seq === last + 1) seen.events += 1
    else seen.wrong += 1
  }
  seqs[client] = seq
  lastIds[client] = id
}

interface Connection {
  client: number
  port: number
  /** It has told the balance. */
  opened(): void
  ended(): void
}

function openSse({ client, port, opened, ended }: Connection): void {
  const resume = lastIds[client] ? `Last-Event-ID: ${lastIds[client]}\r\n` : ''
  let rest = ''
  connect(port, '127.0.0.1')
    .setEncoding('utf8')
    .on('data', (text) => {
      rest += text
      let end = 0
      for (const found of rest.matchAll(/^id: (\S+)\n/gm)) {
        note(client, found[1] as string)
        opened()
        end = found.index + found[0].length
      }
      // The text may end inside an id.
      rest = rest.slice(Math.max(end, rest.length - 100))
    })
    .on('error', () => {})
    .on('close', ended)
    .write(
      `GET /balance/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens[client]}\r\n${resume}\r\n`,
    )
}

function openWebSocket({ client, port, opened, ended }: Connection): void {
  const resume = lastIds[client] ? `&lastEventId=${encodeURIComponent(lastIds[client])}` : ''
  new WebSocket(`ws://127.0.0.1:${port}/balance?token=${tokens[client]}${resume}`, {
    perMessageDeflate: false,
  })
    .on('message', (data) => {
      const { id } = JSON.parse(String(data))
      if (id === undefined) return
      note(client, id)
      opened()
    })
    .on('error', () => {})
    .on('close', ended)
}

/** Resolves once the client has its balance. From then on it resumes whenever its connection ends. */
function open(client: number, attempt = 0): Promise<void> {
  return new Promise((resolve) => {
    let isOpen = false
    const connection: Connection = {
      client,
      port: ports[(client + attempt) % ports.length] as number,
      opened() {
        if (isOpen) return
        isOpen = true
        seen.open += 1
        resolve()
      },
      async ended() {
        if (isOpen) {
          seen.open -= 1
          seen.ended += 1
        } else {
          await sleep(PAUSE_MS)
        }
        await open(client, attempt + 1)
        resolve()
      },
    }
    if (transports === 'SSE' || (first + client) % 2 === 0) openSse(connection)
    else openWebSocket(connection)
  })
}

process.on('disconnect', () => process.exit())
process.on('message', (asked: Asked) => {
  if (asked === 'seen') process.send?.(seen)
  if (asked === 'seqs') process.send?.([...seqs])
})
let next = 0
async function openSome(): Promise<void> {
  while (next < count) await open(next++)
}
process.send?.('ready')
await new Promise((resolve) => process.once('message', resolve))
await Promise.all(Array.from({ length: AT_ONCE }, openSome))
