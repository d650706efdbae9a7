import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A receiver that takes so many milliseconds for each request. */
const takesMs = Number(process.argv[2])

const server = createServer((request, response) => {
  request.resume()
  setTimeout(() => response.writeHead(200, { 'Content-Length': '2' }).end('{}'), takesMs)
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
