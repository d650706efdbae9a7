import { connect, type Socket } from 'node:net'
import type { LoadOrder, LoadResult } from './load.ts'

/**
 * The process that makes requests over kept-alive connections, one request at a time on each. It uses bare sockets
 * with a shared read buffer, because on two cores the client takes CPU time away from the server.
 */
const buffer = Buffer.alloc(64 * 1024)

function request(socket: Socket, order: LoadOrder, index: number): void {
  const { requests } = order
  socket.write(requests[index % requests.length] as string, 'latin1')
}

function run(order: LoadOrder): Promise<LoadResult> {
  const { port, connections, seconds, requests, once, rate, tolerant } = order
  return new Promise((resolve, reject) => {
    let next = 0
    let done = 0
    let failed = 0
    let open = connections
    const began = performance.now()
    const until = began + seconds * 1_000
    const sockets: Socket[] = []
    const times: number[] = []

    function finished(): void {
      open -= 1
      if (open > 0) return
      const took = (performance.now() - began) / 1_000
      for (const socket of sockets) socket.destroy()
      times.sort((a, b) => a - b)
      const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN
      resolve({ done, failed, seconds: took, p50: at(0.5), p99: at(0.99) })
    }

    function start(): void {
      let sentAt = 0
      /** Bytes of the body that are still missing. Undefined until the head has arrived. */
      let left: number | undefined
      let head = ''
      let success = true

      const send = (): void => {
        if (performance.now() >= until || (once && next >= requests.length)) {
          finished()
          return
        }
        const index = next++
        const due = rate === undefined ? 0 : began + (index * 1_000) / rate
        const early = due - performance.now()
        if (early > 0.5) {
          setTimeout(() => {
            sentAt = performance.now()
            request(socket, order, index)
          }, early)
          return
        }
        sentAt = rate === undefined ? performance.now() : due
        request(socket, order, index)
      }
      const socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer,
          callback(bytes) {
            if (left === undefined) {
              head += buffer.toString('latin1', 0, bytes)
              const end = head.indexOf('\r\n\r\n')
              if (end === -1) return true
              success = head.charCodeAt(9) === 50
              if (!success && !tolerant) {
                reject(new Error(`not a success: ${head}`))
                return false
              }
              left = end + 4 + lengthOf(head) - head.length
            } else {
              left -= bytes
            }
            if (left > 0) return true
            left = undefined
            head = ''
            if (success) done += 1
            else failed += 1
            times.push(performance.now() - sentAt)
            send()
            return true
          },
        },
      })
      sockets.push(socket)
      socket.on('error', reject)
      socket.on('connect', send)
    }
    for (let i = 0; i < connections; i++) start()
  })
}

/** The value of `Content-Length` in any case, because Node and Hono write it differently. */
const LENGTH = /content-length: (\d+)/i

function lengthOf(head: string): number {
  const length = LENGTH.exec(head)?.[1]
  if (length === undefined) throw new Error(`without Content-Length: ${head}`)
  return Number(length)
}

process.on('message', async (order: LoadOrder) => {
  try {
    process.send?.(await run(order))
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
