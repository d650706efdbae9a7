import type * as oidc from 'openid-client'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'

export interface IdentityProviderOptions {
  issuer: string
  clientId: string
  /** Undefined: a public client, which PKCE alone protects. */
  clientSecret: string | undefined
  log: Pick<Logger, 'warn' | 'info'>
  /** What the provider publishes about itself is read again after this time. Default 10 minutes. */
  maxAgeMs?: number
  /** Of one request. Default 5 s. */
  timeoutMs?: number
}

/** How a provider's client is used: its library, and what the provider published. */
export interface Client {
  library: typeof oidc
  config: oidc.Configuration
}

/**
 * The OpenID provider whose accounts people sign in with. It is looked up at the first sign-in, not at the start, because
 * a server must also start while its provider is away.
 */
export class IdentityProvider {
  readonly #options: Required<IdentityProviderOptions>
  #client: Client | undefined
  #readAt = 0
  #reading: Promise<Client> | undefined
  #failing = false

  constructor(options: IdentityProviderOptions) {
    this.#options = { maxAgeMs: 600_000, timeoutMs: 5000, ...options }
  }

  /**
   * Calls the provider.
   * @throws ApiError 503 `unavailable` while it does not answer; every other error is as the library throws it
   */
  async call<T>(use: (client: Client) => Promise<T>): Promise<T> {
    try {
      const answer = await use(await this.#current())
      if (this.#failing) this.#options.log.info('the identity provider answers again')
      this.#failing = false
      return answer
    } catch (error) {
      if (!isOutage(error)) throw error
      if (!this.#failing) {
        const { issuer } = this.#options
        this.#options.log.warn({ err: error, issuer }, 'the identity provider does not answer')
      }
      this.#failing = true
      throw new ApiError(503, 'unavailable', 'The identity provider does not answer.', {
        retryAfter: 5,
        details: { part: 'identity_provider' },
        cause: error,
      })
    }
  }

  async #current(): Promise<Client> {
    const isOld = performance.now() >= this.#readAt + this.#options.maxAgeMs
    if (this.#client && !isOld) return this.#client
    this.#reading ??= this.#discover().finally(() => {
      this.#reading = undefined
    })
    // What it published before is better than nothing.
    return this.#client ? this.#reading.catch(() => this.#client as Client) : this.#reading
  }

  async #discover(): Promise<Client> {
    const { issuer, clientId, clientSecret, timeoutMs } = this.#options
    // Only servers with a provider load it.
    const library = await import('openid-client')
    const insecure = new URL(issuer).protocol === 'http:'
    const config = await library.discovery(
      new URL(issuer),
      clientId,
      undefined,
      clientSecret === undefined ? library.None() : byAnyMethod(library, clientSecret),
      {
        timeout: timeoutMs / 1000,
        execute: [
          // The signature is checked also where the token comes from the provider itself.
          library.enableNonRepudiationChecks,
          ...(insecure ? [library.allowInsecureRequests] : []),
        ],
      },
    )
    this.#client = { library, config }
    this.#readAt = performance.now()
    return this.#client
  }
}

/** Sends the secret by Basic, as is usual, or in the body to a provider that takes it only there. */
function byAnyMethod(library: typeof oidc, secret: string): oidc.ClientAuth {
  const [basic, post] = [library.ClientSecretBasic(secret), library.ClientSecretPost(secret)]
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported
    const inBody = methods?.includes('client_secret_basic') === false
    return (inBody ? post : basic)(server, ...rest)
  }
}

/** Codes of the library for a provider that says nothing, or nothing of use. */
const OUTAGES = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
])

/** Whether the provider is away, or answers that something is wrong with it or with our registration there. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, cause, status, error: named } = error as Error & Record<string, unknown>
  // `fetch` throws it when there is no answer.
  if (error instanceof TypeError && code === undefined) return true
  if (named === 'invalid_client' || named === 'unauthorized_client') return true
  if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' && cause instanceof Response) {
    return cause.status >= 500 || cause.status === 404 || cause.status === 429
  }
  return OUTAGES.has(String(code)) || (typeof status === 'number' && status >= 500)
}
