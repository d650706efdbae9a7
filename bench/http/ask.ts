import { type Agent, request } from 'node:http'

/** One request over a kept-alive connection of `agent`. Returns the body. Rejects if the status is no success. */
export function ask(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  token = '',
  body = '',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const asked = request({ agent, host: '127.0.0.1', port, method, path, headers }, (answer) => {
      const { statusCode = 0 } = answer
      let text = ''
      answer.on('data', (bytes) => {
        text += bytes
      })
      answer.on('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve(text)
        else reject(new Error(`${method} ${path}: ${statusCode} ${text}`))
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
