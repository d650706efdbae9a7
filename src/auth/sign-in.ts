import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { NO_TENANTS, type TenantDirectory } from '../tenants/tenant.ts'
import { createClaimReader } from './claims.ts'
import type { IdentityProvider } from './identity-provider.ts'
import type { Authenticator, ClaimNames, Principal } from './principal.ts'
import { signSession } from './sessions.ts'
import { orUnavailable, type TicketStore } from './tickets.ts'

const UNAVAILABLE = 'Signing in is not possible right now.'

/** A page that people sign in at, and the path at which the provider gives them back. */
export const RETURN_PATHS = { wallet: '/sign-in', console: '/admin/sign-in' } as const

/** The path of a page after a sign-out at the provider. */
const HOME_PATHS = { wallet: '/', console: '/admin' } as const

export type SignInPage = keyof typeof RETURN_PATHS

export interface SignInOptions {
  provider: Pick<IdentityProvider, 'call'>
  clientId: string
  /** With `openid`, separated by blanks. */
  scope: string
  claims: ClaimNames
  /** How long a session is valid. */
  seconds: number
  secret: string
  store: TicketStore
  /** Decides last whether the person is let in. */
  authenticator: Authenticator
  tenants?: Pick<TenantDirectory, 'settingsOf'>
  log: Pick<Logger, 'warn' | 'info'>
}

/** Why a sign-in failed, as `details.reason` of `sign_in_failed`. */
export const SIGN_IN_REASONS = {
  stale: 'It was finished before, took longer than 10 minutes, or was begun elsewhere.',
  code: 'The identity provider does not accept its own code: it was used before, or is too old.',
  token: 'The ID token is not one for this server and this sign-in.',
  claim: 'A claim of the ID token is missing, or its value is not accepted.',
  tenant: 'Users of this tenant sign in with tokens of the tenant.',
} as const

export type SignInReason = keyof typeof SIGN_IN_REASONS

/** What a sign-in needs at its end. It is stored on the server, so that nobody can read or change it. */
interface Begun {
  nonce: string
  verifier: string
  redirectUri: string
  /** Of the proof that the page keeps, so that nobody else can finish the sign-in. */
  proof: string
}

/** How long a person may take at the provider. */
const TO_FINISH_SECONDS = 600

const random = () => randomBytes(32).toString('base64url')

const ticketOf = (state: string) => `sign-in:${state}`

/**
 * Sign-in by OpenID Connect: authorization code flow with PKCE, state and nonce. It uses no cookies. The page that began
 * a sign-in keeps a proof in its tab, and gives it together with the code. The provider's tokens are not kept.
 */
export class SignIn {
  readonly #options: SignInOptions
  readonly #toPrincipal: (payload: JWTPayload) => Principal

  constructor(options: SignInOptions) {
    this.#options = options
    this.#toPrincipal = createClaimReader(options.claims)
  }

  /**
   * @param origin of the page, which the provider gives the person back to
   * @param again the person must prove anew who they are, for example to become someone else
   * @throws ApiError `unavailable`
   */
  async begin(page: SignInPage, origin: string, again: boolean) {
    const { provider, store, scope } = this.#options
    const redirectUri = origin + RETURN_PATHS[page]
    const [state, nonce, proof] = [random(), random(), random()]
    return await provider.call(async ({ library, config }) => {
      const verifier = library.randomPKCECodeVerifier()
      const url = library.buildAuthorizationUrl(config, {
        ...{ redirect_uri: redirectUri, scope, state, nonce },
        code_challenge: await library.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...(again && { prompt: 'login' }),
      })
      const begun: Begun = { nonce, verifier, redirectUri, proof: hash('sha256', proof) }
      await orUnavailable(
        store.put(ticketOf(state), JSON.stringify(begun), TO_FINISH_SECONDS),
        UNAVAILABLE,
      )
      return { url: url.href, state, proof }
    })
  }

  /**
   * Exchanges the code for a session, once.
   * @param issuer `iss` of the provider's answer, where it sends one (RFC 9207)
   * @throws ApiError `sign_in_failed`, `unavailable`, or why the person may not enter
   */
  async finish({
    state,
    code,
    proof,
    issuer,
  }: Record<'state' | 'code' | 'proof', string> & { issuer?: string }) {
    const { store, seconds, secret, authenticator, tenants = NO_TENANTS, log } = this.#options
    const kept = await orUnavailable(store.take(ticketOf(state)), UNAVAILABLE)
    const begun = kept === null ? undefined : (JSON.parse(kept) as Begun)
    if (!begun || !isSame(begun.proof, hash('sha256', proof))) throw this.#failed('stale')
    const answer = new URL(begun.redirectUri)
    answer.searchParams.set('code', code)
    answer.searchParams.set('state', state)
    if (issuer !== undefined) answer.searchParams.set('iss', issuer)
    const payload = await this.#exchange(answer, begun, state)
    const person = this.#read(payload)
    if (tenants.settingsOf(person.tenant).identity) throw this.#failed('tenant')
    const token = await signSession(secret, person, seconds)
    const { userId, tenant, expiresAt } = await authenticator.authenticate(token)
    log.info({ userId, tenant }, 'a person signed in')
    return { token, userId, tenant, expiresAt }
  }

  /**
   * The page of the provider at which the session there ends too. Undefined: it has none, or does not answer.
   * @param origin of the page, to which the provider sends the person back
   */
  async endUrl(page: SignInPage, origin: string): Promise<string | undefined> {
    const { provider } = this.#options
    const after = { post_logout_redirect_uri: origin + HOME_PATHS[page] }
    try {
      return await provider.call(async ({ library, config }) =>
        config.serverMetadata().end_session_endpoint === undefined
          ? undefined
          : library.buildEndSessionUrl(config, after).href,
      )
    } catch {
      // The session here has ended, which matters more.
      return undefined
    }
  }

  async #exchange(answer: URL, { nonce, verifier }: Begun, state: string): Promise<JWTPayload> {
    const checks = {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    }
    try {
      return await this.#options.provider.call(async ({ library, config }) => {
        const tokens = await library.authorizationCodeGrant(config, answer, checks)
        return tokens.claims() as JWTPayload
      })
    } catch (error) {
      if (error instanceof ApiError) throw error
      const refused = (error as { error?: unknown }).error !== undefined
      throw this.#failed(refused ? 'code' : 'token', error)
    }
  }

  #read(payload: JWTPayload): Principal {
    try {
      return this.#toPrincipal(payload)
    } catch (cause) {
      throw this.#failed('claim', cause)
    }
  }

  #failed(reason: SignInReason, cause?: unknown): ApiError {
    if (reason !== 'stale') this.#options.log.warn({ reason, err: cause }, 'a sign-in failed')
    return new ApiError(400, 'sign_in_failed', `The sign-in failed. ${SIGN_IN_REASONS[reason]}`, {
      details: { reason },
      cause,
    })
  }
}

const isSame = (one: string, other: string) =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
