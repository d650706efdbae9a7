import { once } from 'node:events'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../support/realtime/balance-server.ts'

const routes = () =>
  new Hono()
    .get('/hello', (c) => c.text(`hello ${c.req.header('Upgrade') ?? 'over HTTP/1.1'}`))
    .post('/echo', async (c) => c.text(await c.req.text()))

/** Sends one text after the other over one connection, and gives all that came back once it was closed. */
async function converse(url: string, ...texts: string[]): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text
  })
  for (const text of texts) socket.write(text)
  await once(socket, 'close')
  return answer
}

const request = (line: string, headers: string[], body = '') =>
  `${[line, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n${body}`

const H2C = ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA']
const OFFER = ['Connection: Upgrade, HTTP2-Settings', ...H2C]

test('an offer of HTTP/2, as Java’s client makes with every request, is passed over', async () => {
  const { url } = await startServer({ routes: routes() })
  const body = 'x'.repeat(100_000)
  const warnings: Error[] = []
  const warned = (warning: Error) => void warnings.push(warning)
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const requests = [
    ...Array.from({ length: 20 }, () => request('GET /hello HTTP/1.1', OFFER)),
    request('POST /echo HTTP/1.1', [...OFFER, `Content-Length: ${body.length}`], body),
    request(
      'POST /echo HTTP/1.1',
      [...OFFER, 'Transfer-Encoding: chunked'],
      '3\r\nabc\r\n0\r\n\r\n',
    ),
    request('GET /hello HTTP/1.1', ['Connection: Upgrade, close', ...H2C]),
  ]
  // As any client, it asks again for what a server that says `Connection: close` left unanswered.
  let answer = ''
  for (let answered = 0; answered < requests.length; ) {
    const part = await converse(url, ...requests.slice(answered))
    const count = part.match(/HTTP\/1\.1 \d/g)?.length ?? 0
    expect(count).toBeGreaterThan(0)
    if (answered + count < requests.length) expect(part).toMatch(/^Connection: close\r$/im)
    answered += count
    answer += part
  }
  expect(answer.match(/HTTP\/1\.1 \d+ \w+/g)).toEqual(Array(23).fill('HTTP/1.1 200 OK'))
  expect(answer.match(/hello over HTTP\/1\.1/g)).toHaveLength(21)
  expect(answer).toContain(`\r\n\r\n${body}HTTP`)
  expect(answer).toContain('\r\n\r\nabcHTTP')
  expect(warnings).toEqual([])
})

test('HTTP/1.0 without a Host, as balancers check the health, is answered', async () => {
  const { url } = await startServer({ routes: routes() })
  expect(await converse(url, 'GET /hello HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
})

test.each([
  ['an address', 'http://[bad/hello', 'localhost'],
  ['a host', '/hello', 'a/b'],
])('what is not %s is refused as everything is', async (_, target, host) => {
  const { url } = await startServer({ routes: routes() })
  const answer = await converse(
    url,
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im)
  const [, id] = /^x-request-id: (\S+)\r$/im.exec(answer) ?? []
  expect(id).toBeTruthy()
  expect(answer).toContain(`"code":"invalid_request"`)
  expect(answer).toContain(`"requestId":"${id}"`)
})

test('the answers of Socket.IO’s long polling are guarded as all others are, its refusals too', async () => {
  const { url } = await startServer()
  for (const transport of ['polling', 'carrier-pigeon']) {
    const { headers } = await fetch(`${url}/socket.io/?EIO=4&transport=${transport}`)
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
  }
})
