import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { SelectField, TextField } from '../components/fields.tsx'
import { Pager } from '../components/pager.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { useQueryState } from './address.ts'
import type { ScreenProps } from './screens.ts'

const PER_PAGE = 25
const FIRST = { page: [] as readonly string[] }

interface Revocation {
  id: string
  userId?: string
  tokenId?: string
  reason: string | null
  revokedBy: string
  revokedAt: string
  expiresAt: string | null
}

/** The tokens that are no longer valid, with buttons to revoke others and to take a revocation back. */
export function Revocations({ api }: ScreenProps) {
  const [{ page: starts }, change] = useQueryState(FIRST)
  const [asking, setAsking] = useState<'new' | Revocation>()
  const page = useLoaded(
    (signal) =>
      api.get<{ items: Revocation[]; nextCursor: string | null }>(
        '/admin/revocations',
        { limit: PER_PAGE, cursor: starts.at(-1) },
        signal,
      ),
    [starts],
  )
  const { items = [], nextCursor = null } = page.value ?? {}
  const dialog = {
    api,
    close: () => setAsking(undefined),
    done() {
      setAsking(undefined)
      page.reload()
    },
  }
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Revocations</h1>
          <p class="soft">Tokens that stopped counting before they expire.</p>
        </div>
        <Button kind="compact" onClick={() => setAsking('new')}>
          Revoke tokens
        </Button>
      </div>
      <section class="card" aria-label="Revocations">
        {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
        {!page.value && page.loading && <Loading what="Reading the revocations" />}
        {page.value && items.length === 0 && (
          <Empty title="No token is revoked">Every token counts until it expires.</Empty>
        )}
        {items.length > 0 && (
          <table class="table folds">
            <thead>
              <tr>
                <th scope="col">Revoked</th>
                <th scope="col">Tokens</th>
                <th scope="col">By</th>
                <th scope="col">
                  <span class="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <tr key={item.id}>
                  <td class="when-cell soft small">
                    <time dateTime={item.revokedAt} title={fullTime(item.revokedAt)}>
                      {shortTime(item.revokedAt)}
                    </time>
                  </td>
                  <td class="lead-cell breakable">
                    <span class="what">{subjectOf(item)}</span>
                    {item.reason && <span class="note">{item.reason}</span>}
                    {item.expiresAt && (
                      <span class="note">until {fullTime(item.expiresAt)}, when they expire</span>
                    )}
                  </td>
                  <td class="status-cell soft small">
                    <bdi>{item.revokedBy}</bdi>
                  </td>
                  <td class="right amount-cell">
                    <Button kind="quiet compact" onClick={() => setAsking(item)}>
                      Lift<span class="sr-only"> the revocation of {subjectOf(item)}</span>
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <Pager
          label="Pages of revocations"
          starts={starts}
          nextCursor={nextCursor}
          loading={page.loading}
          back="Newer"
          forward="Older"
          onTurn={(page) => change({ page })}
        />
      </section>
      {asking === 'new' && <RevokeDialog {...dialog} />}
      {typeof asking === 'object' && <LiftDialog {...dialog} revocation={asking} />}
    </>
  )
}

const subjectOf = ({ userId, tokenId }: Revocation) =>
  userId === undefined ? `Token ${tokenId}` : `All tokens of ${userId}`

interface DialogProps {
  api: Api
  close: () => void
  done: () => void
}

const KINDS = [
  ['userId', 'Every token of a user, until now'],
  ['tokenId', 'One token, by its jti'],
] as const

function RevokeDialog({ api, close, done }: DialogProps) {
  const [kind, setKind] = useState<string>('userId')
  const [subject, setSubject] = useState('')
  const [reason, setReason] = useState('')
  const [wrong, setWrong] = useState<string>()
  const body = { [kind]: subject.trim(), ...(reason.trim() && { reason: reason.trim() }) }
  const keys = useIdempotencyKey()
  const action = useAction(() => api.post('/admin/revocations', body, keys.for(body)))
  return (
    <Dialog
      title="Revoke tokens"
      verb="Revoke"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (subject.trim() === '') return setWrong('Say whose tokens, or which one.')
        if (await action.run()) done()
      }}
    >
      <SelectField label="What" options={KINDS} value={kind} onChange={setKind} />
      <TextField
        label={kind === 'userId' ? 'User' : 'Token id'}
        value={subject}
        wrong={wrong}
        maxLength={kind === 'userId' ? 255 : 512}
        onInput={(text) => {
          setWrong(undefined)
          setSubject(text)
        }}
      />
      <TextField
        label="Reason"
        hint="optional"
        value={reason}
        maxLength={500}
        onInput={setReason}
      />
      <p class="small soft">
        Requests get 401 at once, and open connections end. A new sign-in gets a new token, which
        counts.
      </p>
    </Dialog>
  )
}

function LiftDialog({ api, close, done, revocation }: DialogProps & { revocation: Revocation }) {
  const action = useAction(() =>
    api.delete(`/admin/revocations/${encodeURIComponent(revocation.id)}`),
  )
  return (
    <Dialog
      title="Lift the revocation"
      verb="Lift"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      <p>
        <bdi>{subjectOf(revocation)}</bdi> will count again until they expire.
      </p>
    </Dialog>
  )
}
