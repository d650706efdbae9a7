import { words } from './language.ts'
import { explain, Problem, problemFrom } from './problem.ts'
import type { Role, Session } from './session.ts'

/** The roles that open the console. */
export const CONSOLE_ROLES = ['admin', 'operator'] as const

/** Asks the server whether it accepts this token for this page. Rejects with a `Problem` if it does not. */
export async function checkToken(token: string, role: Role): Promise<void> {
  const path = role === 'admin' ? '/admin/session' : '/transactions/balance/all'
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
  if (role !== 'admin') return
  const { roles } = (await response.json()) as { roles: string[] }
  if (!CONSOLE_ROLES.some((each) => roles.includes(each))) throw new Problem(403, 'forbidden', '')
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
    if (status === 403) return words().signIn.notAdmin(userId)
    if (code !== 'unauthorized') return explain(problem)
    const { rejected, reason } = words().signIn
    return typeof details.reason === 'string' ? `${rejected} ${reason(details.reason)}` : rejected
  }
}
