import type { Role } from './session.ts'

/**
 * Ends a session on the server, and then at the identity provider, which has a page for that. Without an answer it has
 * ended in this browser, and expires soon.
 */
export async function endSession(role: Role, token: string): Promise<void> {
  const response = await fetch('/sign-in/end', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ page: role === 'admin' ? 'console' : 'wallet' }),
  }).catch(() => null)
  if (!response?.ok) return
  const { url } = (await response.json()) as { url: string | null }
  if (url !== null) location.assign(url)
}
