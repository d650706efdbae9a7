import type { Fetch } from './runtime.ts'
import type { TokenSource } from './token.ts'

/** `fetch` with the token in its header; with another token once more, if the first one is refused. */
export function authorizedFetch(fetch: Fetch, tokens: TokenSource): Fetch {
  const attempt = (input: string, init: RequestInit | undefined, token: string) => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  return async (input, init) => {
    const token = await tokens.get()
    const response = await attempt(input, init, token)
    // A refused request did nothing, so that it may be sent again.
    if (response.status !== 401 || !(await tokens.replace(token))) return response
    await response.body?.cancel()
    return attempt(input, init, await tokens.get())
  }
}
