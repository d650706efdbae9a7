import type { ServerResponse } from 'node:http'

/** Where Node (20 to 24) keeps the head of a response until it is sent. */
interface WithHead extends ServerResponse {
  _header?: unknown
  _headerSent?: unknown
}

/**
 * Ends an answer whose head `writeHead` has made, in one write. The `end(body)` of Node 20 puts an empty chunk
 * behind, so that what goes to the system is a list: a tenth of the cost of a short answer.
 * @param body characters of one byte each (ISO 8859-1)
 */
export function endAtOnce(response: WithHead, body: string): void {
  if (typeof response._header !== 'string' || response._headerSent !== false) {
    response.end(body)
    return
  }
  response._header += body
  response.end()
}
