import { hc } from 'hono/client'
import type { AppType } from '../routes/app.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import { type ServerOption, serverUrl, type TokenOption } from './options.ts'
import { currentRuntime } from './runtime.ts'
import { TokenSource } from './token.ts'

export type ApiOptions = TokenOption & ServerOption

/** The server's REST calls, typed from its routes: `api.transactions.topup.$post({ json: { amount: 50 } })`. */
export type BalanceApi = ReturnType<typeof hc<AppType>>

/**
 * Typed REST calls with the token in their header; one that is refused is replaced through `getToken`,
 * and the call repeated.
 * @throws TypeError without a URL outside of web pages
 */
export function createApi(options: ApiOptions): BalanceApi {
  const { baseUrl, fetch } = currentRuntime()
  const request = authorizedFetch(options.fetch ?? fetch, new TokenSource(options))
  return hc<AppType>(serverUrl(options.url, baseUrl), {
    fetch: ((input, init) => request(String(input), init)) satisfies typeof globalThis.fetch,
  })
}
