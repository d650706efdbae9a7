import { hc } from 'hono/client'
import type { AppType } from '../routes/app.ts'
import { currentRuntime, serverUrl } from './runtime.ts'
import { authorizedFetch, TokenSource } from './token.ts'
import type { ServerOption, TokenOption } from './types.ts'

export type { AppType }

export type ApiOptions = TokenOption & ServerOption

/** The server's REST calls, typed from its routes: `api.transactions.topup.$post({ json: { amount: 50 } })`. */
export type BalanceApi = ReturnType<typeof hc<AppType>>

/**
 * Typed REST calls that send the token in their header. If the server rejects the token, the call asks
 * `getToken` for another one and is sent again.
 * @throws TypeError if there is no `url` outside of web pages
 */
export function createApi(options: ApiOptions): BalanceApi {
  const { baseUrl, fetch } = currentRuntime()
  const request = authorizedFetch(options.fetch ?? fetch, new TokenSource(options))
  const api = hc<AppType>(serverUrl(options.url, baseUrl), {
    fetch: ((input, init) => request(String(input), init)) satisfies typeof globalThis.fetch,
  })
  return encodingParams(api)
}

/** Hono's client puts the parameters of a path in as they are, so a user id such as `a/b` would be another path. */
function encodingParams<T extends object>(calls: T): T {
  return new Proxy(calls, {
    get: (target, name) => {
      const found: unknown = Reflect.get(target, name)
      return typeof found === 'function' ? encodingParams(found) : found
    },
    apply: (target, self, [input, ...rest]: [{ param?: Record<string, string> }?, ...unknown[]]) =>
      Reflect.apply(target as () => unknown, self, [input && encoded(input), ...rest]),
  })
}

function encoded({ param, ...rest }: { param?: Record<string, string> }) {
  if (!param) return rest
  const entries = Object.entries(param).map(([name, value]) => [name, encodeURIComponent(value)])
  return { ...rest, param: Object.fromEntries(entries) }
}
