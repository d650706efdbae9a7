import { createServer } from 'node:http'
import { payload } from '../realtime/subjects.ts'

/** The least that a stream's server does: it answers each request with the head of a stream and one event. */
const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write(`retry: 2000\n\nevent: balance_initial\nid: bench:1\ndata: ${payload(1)}\n\n`)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') console.log(address.port)
})
