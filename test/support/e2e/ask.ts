import { mintToken } from '../index.ts'
import type { Booted } from '../observability/booted.ts'

type Claims = Parameters<typeof mintToken>[0]

/** Sends a request such as `GET /balance` in the name of the claims. The body is parsed if it is JSON. */
export async function ask(server: Booted, by: Claims, request: string, body?: object) {
  const [method = '', path = ''] = request.split(' ')
  const response = await fetch(server.url + path, {
    method,
    headers: {
      Authorization: `Bearer ${await mintToken(by)}`,
      'Content-Type': 'application/json',
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('Content-Type')?.includes('json')
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  const answer: any = isJson ? JSON.parse(text) : text
  return { status: response.status, headers: response.headers, body: answer }
}
