import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A proxy between a client and a server that can simulate network failures. */
export interface Wire {
  url: string
  /** The number of connections that were opened. */
  opened: number
  /** The first line of each request. */
  requests: string[]
  /** The number of connections that are open. */
  open(): number
  /** Breaks every connection. */
  cut(): void
  /** Stops reading from the server until `resume`. */
  pause(): void
  resume(): void
  /** While true, new connections fail. */
  down: boolean
  /** So many answers are lost: the connection breaks when the server has begun to answer. */
  answersToLose: number
  /** How WebSocket upgrades fail. Undefined: they succeed. */
  upgrades: 'refused' | 'swallowed' | undefined
}

/** Opens a proxy to a local port. It closes at the end of the test. */
export async function layWire(port: number): Promise<Wire> {
  const ends = new Set<Socket>()
  const fars = new Set<Socket>()
  let paused = false
  const server = createServer((near) => {
    wire.opened += 1
    const far = wire.down ? undefined : connect(port, '127.0.0.1')
    if (far) fars.add(far)
    for (const socket of [near, far]) {
      if (!socket) continue
      ends.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        ends.delete(socket)
        fars.delete(socket)
        near.destroy()
        far?.destroy()
      })
    }
    if (!far) return near.destroy()
    // Not by `pipe`, which goes on reading after a pause once its destination has drained.
    far.on('data', (bytes) => {
      if (wire.answersToLose > 0) {
        wire.answersToLose -= 1
        return near.destroy()
      }
      if (near.write(bytes)) return
      far.pause()
      near.once('drain', () => {
        if (!paused) far.resume()
      })
    })
    far.on('end', () => near.end())
    near.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      for (const [line] of text.matchAll(/^(GET|POST|PATCH|PUT|DELETE) .*(?=\r$)/gm)) {
        wire.requests.push(line)
      }
      if (!wire.upgrades || !/^upgrade: websocket\r$/im.test(text)) return far.write(bytes)
      if (wire.upgrades === 'refused') {
        near.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      }
    })
  })
  const wire: Wire = {
    url: '',
    opened: 0,
    requests: [],
    cut: () => {
      for (const socket of ends) socket.destroy()
    },
    pause: () => {
      paused = true
      for (const far of fars) far.pause()
    },
    resume: () => {
      paused = false
      for (const far of fars) far.resume()
    },
    open: () => fars.size,
    down: false,
    answersToLose: 0,
    upgrades: undefined,
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  wire.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  onTestFinished(() => {
    server.close()
    wire.cut()
  })
  return wire
}
