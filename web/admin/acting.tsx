import { useEffect } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useStore } from '../hooks/use-store.ts'
import { createApi } from '../lib/api.ts'
import type { Session, SessionKeeper } from '../lib/session.ts'
import { clockTime } from '../lib/time.ts'
import { address, hrefOf } from './address.ts'

interface Tenant {
  id: string
  name: string
}

/**
 * Signs an operator in as an admin of a tenant, with a token of minutes. Everything that they do is on the tenant's
 * record in their own name. Rejects with a `Problem`.
 */
export async function actAs(
  { id, name }: Tenant,
  own: Session,
  session: SessionKeeper,
): Promise<void> {
  // Also while the operator already acts: only their own token gives another one.
  const api = createApi({ token: async () => own.token, getSnapshot: () => own })
  const path = `/platform/tenants/${encodeURIComponent(id)}/token`
  const { token, expiresAt } = await api.post<{ token: string | null; expiresAt: string }>(path, {})
  // Only a repeated request gets none, and each of these has a key of its own.
  if (token === null) throw new Error('the answer has no token')
  session.signIn({
    ...{ token, userId: own.userId, expiresAt: Date.parse(expiresAt), demo: false },
    acting: { tenant: id, name, own },
  })
}

/** Says in which tenant the operator acts, and until when. On every screen. */
export function ActingBar({ session }: { session: SessionKeeper }) {
  const user = useStore(session)
  const { acting, expiresAt = 0 } = user ?? {}
  const longer = useAction(async () => {
    if (acting) await actAs({ id: acting.tenant, name: acting.name }, acting.own, session)
  })
  const back = () => {
    if (acting) address.go(hrefOf('tenants', acting.tenant))
    session.actForSelf()
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: another end is another timer
  useEffect(() => {
    const timer = setTimeout(back, Math.max(0, expiresAt - Date.now()))
    return () => clearTimeout(timer)
  }, [expiresAt])
  if (!acting) return null
  return (
    <section class="notice wait acting" aria-label="Tenant">
      <span>
        You act as an admin of{' '}
        <strong>
          <bdi>{acting.name}</bdi>
        </strong>{' '}
        <code class="breakable">{acting.tenant}</code>, until {clockTime(expiresAt)}. Your name is
        on everything you do.
      </span>
      <span class="actions">
        <Button
          kind="quiet compact"
          busy={longer.busy}
          about={String(expiresAt)}
          onClick={() => void longer.run()}
        >
          15 more minutes
        </Button>
        <Button kind="quiet compact" onClick={back}>
          Back to the platform
        </Button>
      </span>
      {longer.problem !== undefined && <Failure aside problem={longer.problem} />}
    </section>
  )
}
