import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { onTestFinished } from 'vitest'

export interface DeafProxy {
  url: string
  /** From now on, connections that subscribed so far hear nothing more; they stay open. */
  deafen(): void
  /** From now on nothing that clients send arrives; their connections stay open. */
  mute(): void
  /** From now on, new connections lead to another Redis; those that are open stay. */
  leadTo(redisUrl: string): void
}

/** Stands between a bus and its Redis. */
export async function startDeafProxy(redisUrl: string): Promise<DeafProxy> {
  let target = new URL(redisUrl)
  const subscribers = new Set<{ deaf: boolean }>()
  let isMute = false
  const server = createServer((client) => {
    const state = { deaf: false }
    const upstream = connect(Number(target.port), target.hostname)
    client.on('data', (bytes) => {
      if (/subscribe/i.test(String(bytes))) subscribers.add(state)
      if (!isMute) upstream.write(bytes)
    })
    upstream.on('data', (bytes) => state.deaf || client.write(bytes))
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
    deafen() {
      for (const state of subscribers) state.deaf = true
    },
    mute() {
      isMute = true
    },
    leadTo(redisUrl) {
      target = new URL(redisUrl)
    },
  }
}
