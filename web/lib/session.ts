import { createContext } from 'preact'
import { explain, Problem, problemFrom } from './problem.ts'

/** The signed-in user of a page. `expiresAt` is in milliseconds since 1970. */
export interface Session {
  token: string
  userId: string
  expiresAt: number
  /** Signed in as the demo user or admin. The page then renews the token by itself. */
  demo: boolean
}

export type Role = 'user' | 'admin'

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
    return 'This is not a token. A token is one long line of three parts with dots between them.'
  }
  if (typeof claims.exp !== 'number')
    return 'This token has no expiry time, so the server does not accept it.'
  const expiresAt = claims.exp * 1000
  if (expiresAt <= Date.now()) return 'This token has expired. Paste a new one.'
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

/** Asks the server whether it accepts this token. Rejects with a `Problem` if it does not. */
async function checkToken(token: string, role: Role): Promise<void> {
  const path = role === 'admin' ? '/admin/requests?limit=1' : '/transactions/balance/all'
  const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } }).catch(
    (error: unknown) => {
      // `fetch` throws for characters that a header cannot contain.
      if (error instanceof TypeError && /[^\x21-\x7e]/.test(token)) {
        throw new Problem(401, 'unauthorized', '')
      }
      return null
    },
  )
  if (!response?.ok) throw await problemFrom(response)
}

/** Why the server rejects a pasted token. Undefined if it accepts the token. Rejects with any other problem. */
export async function rejectionOf(
  { token, userId }: Session,
  role: Role,
): Promise<string | undefined> {
  try {
    await checkToken(token, role)
    return undefined
  } catch (problem) {
    if (!(problem instanceof Problem) || ![401, 403].includes(problem.status)) throw problem
    const { status, code, details } = problem
    if (status === 403) return notAdmin(userId)
    if (code !== 'unauthorized') return explain(problem)
    const reason = typeof details.reason === 'string' ? ` Reason: ${details.reason}` : ''
    return `The server does not accept this token: it may be signed with another key.${reason}`
  }
}

const notAdmin = (userId: string): string => `This token belongs to ${userId}, who is not an admin.`

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
    localStorage.setItem(this.#key, JSON.stringify(session))
    this.#set(session)
  }

  signOut(): void {
    localStorage.removeItem(this.#key)
    this.#set(null)
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
      const session = JSON.parse(localStorage.getItem(this.#key) ?? 'null') as Session | null
      return session && (session.demo || session.expiresAt > Date.now()) ? session : null
    } catch {
      return null
    }
  }

  #set(session: Session | null): void {
    this.#session = session
    for (const watcher of [...this.#watchers]) watcher()
  }
}
