import { createContext } from 'preact'
import { words } from './language.ts'
import { problemFrom } from './problem.ts'

/** The signed-in user of a page. `expiresAt` is in milliseconds since 1970. */
export interface Session {
  token: string
  userId: string
  expiresAt: number
  /** Signed in as the demo user or admin. The page then renews the token by itself. */
  demo: boolean
  /** Signed in by the identity provider, so that nobody has a token to paste. */
  sso?: true
  /** An operator acts as an admin of another tenant. */
  acting?: Acting
}

export interface Acting {
  tenant: string
  /** Of the tenant. */
  name: string
  /** The operator's own session, which counts again afterwards. */
  own: Session
}

export type Role = 'user' | 'admin'

/** Where the identity provider gives a person back to the page. */
export const returnPath = (role: Role) => (role === 'admin' ? '/admin/sign-in' : '/sign-in')

/** Whether the identity provider has just given a person back. */
export const isReturn = (role: Role) => location.pathname === returnPath(role)

/** How long before its expiry a token is renewed. */
const RENEW_AHEAD_MS = 30_000

/**
 * The claims of a pasted token, or an error message. Only the server knows whether the token is valid, and which of
 * its claims has the roles.
 */
export function readToken(text: string): Session | string {
  const token = text.trim().replace(/^(authorization: *)?bearer +/i, '')
  const claims = claimsOf(token)
  if (!claims || typeof claims.sub !== 'string') {
    return words().signIn.noToken
  }
  if (typeof claims.exp !== 'number') return words().signIn.noExpiry
  const expiresAt = claims.exp * 1000
  if (expiresAt <= Date.now()) return words().signIn.expired
  return { token, userId: claims.sub, expiresAt, demo: false }
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  try {
    const [, payload = ''] = token.split('.')
    const bytes = atob(payload.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))
    const claims: unknown = JSON.parse(text)
    return typeof claims === 'object' && claims !== null
      ? (claims as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Signs in as the demo user or admin. Rejects with a `Problem`. */
export async function demoSession(as: Role): Promise<Session> {
  const response = await fetch('/demo/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ as }),
  }).catch(() => null)
  if (!response?.ok) throw await problemFrom(response)
  const { token } = (await response.json()) as { token: string }
  const session = readToken(token)
  if (typeof session === 'string') throw new Error(session)
  return { ...session, demo: true }
}

/** Lets an error message offer to sign in again. */
export const SessionContext = createContext<SessionKeeper | null>(null)

/** The session of a page. It is stored in the browser, so all tabs share it. A demo session is renewed. */
export class SessionKeeper {
  readonly #key: string
  readonly #role: Role
  readonly #watchers = new Set<() => void>()
  #session: Session | null
  #renewing: Promise<Session> | undefined

  constructor(role: Role) {
    this.#role = role
    this.#key = `livebalance.${role}`
    this.#session = this.#read()
    addEventListener('storage', ({ key }) => {
      if (key === this.#key || key === null) this.#set(this.#read())
    })
  }

  getSnapshot = (): Session | null => this.#session

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  signIn(session: Session): void {
    this.keep(session)
    this.#set(session)
  }

  /** Stores the session for the page that is opened next. */
  keep(session: Session): void {
    localStorage.setItem(this.#key, JSON.stringify(session))
  }

  signOut(): void {
    localStorage.removeItem(this.#key)
    this.#set(null)
  }

  /** The operator's own session again. */
  actForSelf(): void {
    const own = this.#session?.acting?.own
    if (own) this.signIn(own)
  }

  /** Signs out, also at the identity provider if the session began there. */
  async leave(): Promise<void> {
    const session = this.#session?.acting?.own ?? this.#session
    this.signOut()
    if (!session?.sso) return
    const { endSession } = await import('./sign-out.ts')
    await endSession(this.#role, session.token)
  }

  /** The current token. A demo token is renewed first if it is about to expire or was rejected. */
  token = async (refused?: string): Promise<string> => {
    const session = this.#session
    if (!session) throw new Error('nobody is signed in')
    const fresh = session.token !== refused && session.expiresAt - RENEW_AHEAD_MS > Date.now()
    if (fresh || !session.demo) return session.token
    this.#renewing ??= demoSession(this.#role).finally(() => {
      this.#renewing = undefined
    })
    const renewed = await this.#renewing
    // The user may have signed out in the meantime.
    if (this.#session) this.signIn(renewed)
    return renewed.token
  }

  #read(): Session | null {
    try {
      const stored = JSON.parse(localStorage.getItem(this.#key) ?? 'null') as Session | null
      return [stored, stored?.acting?.own].find(isCurrent) ?? null
    } catch {
      return null
    }
  }

  #set(session: Session | null): void {
    this.#session = session
    for (const watcher of [...this.#watchers]) watcher()
  }
}

const isCurrent = (session: Session | null | undefined) =>
  session != null && (session.demo || session.expiresAt > Date.now())

/** Whose page it is: another person, or another tenant, has another page. */
export const identityOf = (session: Session | null): string =>
  session ? `${session.userId} ${session.acting?.tenant ?? ''}` : ''
