import type { Fetch } from './runtime.ts'
import type { GetToken } from './types.ts'

/** The token of all requests: a fixed one, or one that is requested again when it has expired. */
export class TokenSource {
  readonly #getToken: GetToken | undefined
  #token: string | undefined
  #pending: Promise<string> | undefined

  constructor({
    token,
    getToken,
  }: { token?: string | undefined; getToken?: GetToken | undefined }) {
    this.#token = token
    this.#getToken = getToken
  }

  /** Rejects with the error of `getToken`. */
  async get(): Promise<string> {
    if (this.#token !== undefined && (!this.#getToken || !isExpired(this.#token))) {
      return this.#token
    }
    return this.#request()
  }

  /** Whether there is now a token other than `old`. Rejects with the error of `getToken`. */
  async renew(old: string): Promise<boolean> {
    if (this.#token !== old && this.#token !== undefined) return true
    return this.#getToken !== undefined && (await this.#request()) !== old
  }

  /** Like `renew`, for a token that the server rejected: it is not used again while no other is available. */
  replace(rejected: string): Promise<boolean> {
    if (this.#getToken && this.#token === rejected) this.#token = undefined
    return this.renew(rejected)
  }

  #request(): Promise<string> {
    const getToken = this.#getToken
    if (!getToken) return Promise.reject(new Error('There is no token: pass token or getToken.'))
    // Callers at the same time share one request.
    this.#pending ??= Promise.resolve()
      .then(getToken)
      .then((token) => {
        this.#token = token
        return token
      })
      .finally(() => {
        this.#pending = undefined
      })
    return this.#pending
  }
}

/** `fetch` with the token in its header. If the server rejects the token, it tries once more with another one. */
export function authorizedFetch(fetch: Fetch, tokens: TokenSource): Fetch {
  const attempt = (input: string, init: RequestInit | undefined, token: string) => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  return async (input, init) => {
    const token = await tokens.get()
    const response = await attempt(input, init, token)
    // A rejected request had no effect, so it is safe to send it again.
    if (response.status !== 401 || !(await tokens.replace(token))) return response
    await response.body?.cancel()
    return attempt(input, init, await tokens.get())
  }
}

interface Claims {
  sub?: unknown
  tenant?: unknown
  exp?: unknown
}

/**
 * The user that a token names, or undefined if the token is unreadable. The signature is not verified: use it
 * to tell users apart, never to trust them.
 */
export function identityOf(token: string): string | undefined {
  const { sub, tenant = 'default' } = claimsOf(token)
  return typeof sub === 'string' ? JSON.stringify([tenant, sub]) : undefined
}

function isExpired(token: string): boolean {
  const { exp } = claimsOf(token)
  return typeof exp === 'number' && exp * 1000 <= Date.now()
}

function claimsOf(token: string): Claims {
  try {
    const [, payload = ''] = token.split('.')
    const bytes = atob(payload.replace(/-/g, '+').replace(/_/g, '/'))
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
    const claims: unknown = JSON.parse(text)
    return typeof claims === 'object' && claims !== null ? claims : {}
  } catch {
    return {}
  }
}
