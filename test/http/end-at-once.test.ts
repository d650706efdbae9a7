import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { endAtOnce } from '../../src/http/end-at-once.ts'

const HEAD = { 'Content-Length': '2', Date: 'now' }

test.each<[string, boolean, (response: ServerResponse) => void]>([
  ['a head that was made', true, (response) => response.writeHead(200, HEAD)],
  ['a head that was not made yet', false, (response) => response.setHeader('Content-Length', '2')],
  [
    'a head that is on its way',
    false,
    (response) => {
      response.writeHead(200, HEAD)
      response.flushHeaders()
    },
  ],
])('%s and the body are an answer, after which comes the next', async (_, atOnce, begin) => {
  /** Chunks that the socket was given, for each answer. */
  const written: number[] = []
  const server = createServer((_request, response) => {
    const { socket } = response
    if (!socket) throw new Error('no socket')
    let chunks = 0
    const write = socket.write.bind(socket)
    socket.write = (...args: unknown[]) => {
      chunks += 1
      return write(...(args as Parameters<typeof write>))
    }
    begin(response)
    endAtOnce(response, 'hi')
    response.on('finish', () => {
      Reflect.deleteProperty(socket, 'write')
      written.push(chunks)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('latin1')
  try {
    for (let asked = 1; asked <= 2; asked++) {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      let text = ''
      for await (const part of socket.iterator({ destroyOnReturn: false })) {
        text += part
        if (text.endsWith('\r\n\r\nhi')) break
      }
      expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n.*Content-Length: 2\r\n.*\r\n\r\nhi$/s)
      await expect.poll(() => written.length).toBe(asked)
    }
  } finally {
    socket.destroy()
    server.close()
  }
  if (atOnce) expect(written).toEqual([1, 1])
})
