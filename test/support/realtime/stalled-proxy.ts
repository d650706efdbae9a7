import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { onTestFinished } from 'vitest'

export interface StalledProxy {
  url: string
  /** From now on, connections that have subscribed receive nothing more; they stay open. */
  stallSubscriptions(): void
  /** From now on, answers to SUBSCRIBE, and what follows them, wait until the release. Says how many are waiting. */
  holdSubscriptions(): { readonly waiting: number; release(): void }
  /** From now on, everything that clients send is dropped; their connections stay open. */
  dropCommands(): void
  /** From now on, new connections lead to another Redis; open connections stay. */
  redirectTo(redisUrl: string): void
}

/** A proxy between a bus and its Redis, which can stall the connections through it. Ends with the test. */
export async function startStalledProxy(redisUrl: string): Promise<StalledProxy> {
  let target = new URL(redisUrl)
  type State = { isStalled: boolean; isHeld?: boolean }
  const subscribers = new Set<State>()
  let dropsCommands = false
  let held: (() => void)[] | undefined
  const server = createServer((client) => {
    const state: State = { isStalled: false }
    const upstream = connect(Number(target.port), target.hostname)
    client.on('data', (bytes) => {
      if (/subscribe/i.test(String(bytes))) subscribers.add(state)
      if (!dropsCommands) upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      const answer = () => void (state.isStalled || client.write(bytes))
      state.isHeld ||= held !== undefined && /\r\nsubscribe\r\n/.test(String(bytes))
      if (held && state.isHeld) held.push(answer)
      else answer()
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
    onTestFinished(() => void client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = new URL(redisUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    stallSubscriptions() {
      for (const state of subscribers) state.isStalled = true
    },
    holdSubscriptions() {
      const answers: (() => void)[] = []
      held = answers
      return {
        get waiting() {
          return answers.length
        },
        release() {
          held = undefined
          for (const answer of answers) answer()
        },
      }
    },
    dropCommands() {
      dropsCommands = true
    },
    redirectTo(redisUrl) {
      target = new URL(redisUrl)
    },
  }
}
