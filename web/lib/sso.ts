import { Problem, problemFrom } from './problem.ts'
import { type Role, returnPath, type Session } from './session.ts'

/** In the storage of this tab, which outlives the visit to the identity provider. */
const KEY = 'livebalance.signing-in'

/** A sign-in that this tab began. */
interface Begun {
  state: string
  proof: string
  /** The address at which the person began it. */
  back: string
}

const PAGES = { user: 'wallet', admin: 'console' } as const
const HOMES = { user: '/', admin: '/admin' } as const

async function post(path: string, body: object): Promise<Response> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => null)
  if (!response?.ok) throw await problemFrom(response)
  return response
}

function begun(): Begun | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Begun | null
  } catch {
    return null
  }
}

/**
 * Leaves the page for the identity provider, which gives the person back. Rejects with a `Problem`.
 * @param again it asks who they are, even if it knows them
 */
export async function beginSignIn(role: Role, again = false): Promise<void> {
  const response = await post('/sign-in/begin', { page: PAGES[role], ...(again && { again }) })
  const { url, ...rest } = (await response.json()) as { url: string; state: string; proof: string }
  const { pathname, search } = location
  // After a sign-in that failed, the address is still the one of before it.
  const back = pathname === returnPath(role) ? (begun()?.back ?? HOMES[role]) : pathname + search
  sessionStorage.setItem(KEY, JSON.stringify({ ...rest, back } satisfies Begun))
  location.assign(url)
}

/**
 * Exchanges what the identity provider sent along for a session. `back` is the address at which this tab began. Rejects
 * with a `Problem`; its `details.reason` can also be `denied`.
 */
export async function finishSignIn(role: Role): Promise<{ session: Session; back: string }> {
  const answer = new URLSearchParams(location.search)
  // The code is in no history, and a reload does not send it twice.
  history.replaceState(null, '', location.pathname)
  const known = begun()
  const { state = '', proof = '', back = HOMES[role] } = known ?? {}
  sessionStorage.setItem(KEY, JSON.stringify({ back }))
  // Somebody else's sign-in is not finished in this browser, whoever opened the address.
  if (!state || answer.get('state') !== state) throw failed('stale')
  const code = answer.get('code')
  if (code === null) throw failed('denied')
  const iss = answer.get('iss')
  const response = await post('/sign-in/finish', { state, proof, code, ...(iss && { iss }) })
  sessionStorage.removeItem(KEY)
  const { token, userId, expiresAt } = (await response.json()) as Record<string, string>
  return {
    session: {
      token: String(token),
      userId: String(userId),
      expiresAt: Date.parse(String(expiresAt)),
      demo: false,
      sso: true,
    },
    back,
  }
}

const failed = (reason: string) => new Problem(400, 'sign_in_failed', '', { details: { reason } })
