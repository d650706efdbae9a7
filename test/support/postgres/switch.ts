import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** One address for whichever Postgres is at `target`, as a load balancer or a name gives it. */
export interface Switch {
  /** At 127.0.0.1, as `target` is. */
  port: number
  /** Of new connections: the others stay where they are. */
  target: number
  close(): void
}

export async function startSwitch(target: number): Promise<Switch> {
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connect(address.target, '127.0.0.1')
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.pipe(other)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const address: Switch = {
    port: (listener.address() as AddressInfo).port,
    target,
    close() {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return address
}
