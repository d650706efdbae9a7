import {
  createServiceClient,
  type ServiceClient,
  type ServiceClientOptions,
} from '../../../src/server-sdk/index.ts'

export interface Recorded {
  method: string
  url: URL
  headers: Headers
  body: string | undefined
}

/** An answer, or how the network fails. */
export type Scripted = Response | Error | ((init: RequestInit) => Promise<Response>)

/** A client whose requests are recorded and answered by the script. Default: an empty page. */
export function recordingClient(
  script: Scripted[] = [],
  options: Partial<ServiceClientOptions> = {},
): { client: ServiceClient; calls: Recorded[] } {
  const calls: Recorded[] = []
  const client = createServiceClient({
    url: 'https://balance.test',
    token: 'a token',
    retry: { minDelay: 1, maxDelay: 1 },
    ...options,
    fetch: async (input, init = {}) => {
      const { method = '', headers, body } = init
      const text = typeof body === 'string' ? body : undefined
      calls.push({ method, url: new URL(input), headers: new Headers(headers), body: text })
      const next = script.shift() ?? Response.json({ items: [], nextCursor: null })
      if (next instanceof Error) throw next
      return typeof next === 'function' ? next(init) : next
    },
  })
  return { client, calls }
}

export function problem(
  status: number,
  code: string,
  { details, headers = {} }: { details?: object; headers?: Record<string, string> } = {},
): Response {
  const body = { code, message: `It is ${code}.`, requestId: 'r-1', ...(details && { details }) }
  return Response.json(body, { status, headers })
}
