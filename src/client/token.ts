/** Asked for a token at the start, when one is about to expire, and when one was refused. */
export type GetToken = () => string | Promise<string>

/** Where requests get their token: a fixed one, or one that is asked for again when it is over. */
export class TokenSource {
  readonly #ask: GetToken | undefined
  #token: string | undefined
  #asking: Promise<string> | undefined

  constructor({
    token,
    getToken,
  }: { token?: string | undefined; getToken?: GetToken | undefined }) {
    this.#token = token
    this.#ask = getToken
  }

  /** Rejects with what `getToken` throws. */
  async get(): Promise<string> {
    if (this.#token !== undefined && (!this.#ask || !isOver(this.#token))) return this.#token
    return this.#next()
  }

  /** Whether there is another token now than `old`. Rejects with what `getToken` throws. */
  async renew(old: string): Promise<boolean> {
    if (this.#token !== old && this.#token !== undefined) return true
    return this.#ask !== undefined && (await this.#next()) !== old
  }

  /** The same for a token that was refused: it is not given out again while there is none in its place. */
  replace(refused: string): Promise<boolean> {
    if (this.#ask && this.#token === refused) this.#token = undefined
    return this.renew(refused)
  }

  #next(): Promise<string> {
    const ask = this.#ask
    if (!ask) return Promise.reject(new Error('there is no token'))
    // Whoever asks meanwhile gets the same answer.
    this.#asking ??= Promise.resolve()
      .then(ask)
      .then((token) => {
        this.#token = token
        return token
      })
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }
}

interface Claims {
  sub?: unknown
  tenant?: unknown
  exp?: unknown
}

/** Who a token says it is of; undefined when it cannot be read. For telling users apart, never for trust. */
export function identityOf(token: string): string | undefined {
  const { sub, tenant = 'default' } = claimsOf(token)
  return typeof sub === 'string' ? JSON.stringify([tenant, sub]) : undefined
}

function isOver(token: string): boolean {
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
