import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { SelectField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Loaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { ago, fullTime } from '../lib/time.ts'
import { FROZEN, sentence } from './frozen.ts'

interface Frozen {
  debits: boolean
  credits: boolean
}

/** The answer of `GET /transactions/wallets/:userId/freeze`. */
export interface FreezeState extends Frozen {
  history: (Frozen & { seq: number; reason: string | null; changedBy: string; changedAt: string })[]
}

export const freezePath = (userId: string) =>
  `/transactions/wallets/${encodeURIComponent(userId)}/freeze`

const KINDS = [
  ['both', 'No money out or in'],
  ['debits', 'No money out'],
  ['credits', 'No money in'],
] as const

const STATES: Record<string, string> = {
  both: `frozen: ${FROZEN.both}`,
  debits: `frozen: ${FROZEN.debits}`,
  credits: `frozen: ${FROZEN.credits}`,
  none: 'not frozen',
}

const kindOf = ({ debits, credits }: Frozen): string =>
  debits && credits ? 'both' : debits ? 'debits' : credits ? 'credits' : 'none'

interface FreezeProps {
  api: Api
  userId: string
  freeze: Loaded<FreezeState>
}

/** What is frozen of the wallet, and what was, with buttons to change it. Shows nothing if it never was. */
export function FreezeNotice({ api, userId, freeze }: FreezeProps) {
  const { value, problem, reload } = freeze
  const [asking, setAsking] = useState<'freeze' | 'unfreeze'>()
  const [last, ...earlier] = value?.history ?? []
  const now = kindOf(last ?? NOTHING)
  const close = () => setAsking(undefined)
  const dialog = { api, userId, now, close, done: both(close, reload) }
  return (
    <>
      {problem !== undefined && <Failure aside problem={problem} retry={reload} />}
      {last && (
        <section class={`notice ${now === 'none' ? '' : 'wait'}`} aria-label="Freeze">
          <strong>This wallet is {STATES[now]}</strong>
          <Change {...last} />
          {now !== 'none' && (
            <div class="actions">
              <Button kind="quiet compact" onClick={() => setAsking('unfreeze')}>
                Unfreeze wallet
              </Button>
              <Button kind="quiet compact" onClick={() => setAsking('freeze')}>
                Change
              </Button>
            </div>
          )}
          {earlier.length > 0 && (
            <details>
              <summary>Before that</summary>
              <ol class="past" reversed>
                {earlier.map((change) => (
                  <li key={change.seq}>
                    {sentence(STATES[kindOf(change)] ?? '')}
                    <br />
                    <Change {...change} />
                  </li>
                ))}
              </ol>
            </details>
          )}
        </section>
      )}
      {asking === 'freeze' && <FreezeDialog {...dialog} />}
      {asking === 'unfreeze' && <UnfreezeDialog {...dialog} />}
    </>
  )
}

/** Freezes a wallet that is not frozen. */
export function FreezeButton({ api, userId, freeze }: FreezeProps) {
  const [asking, setAsking] = useState(false)
  const { value, reload } = freeze
  if (!value || kindOf(value) !== 'none') return null
  const close = () => setAsking(false)
  return (
    <>
      <Button kind="quiet" onClick={() => setAsking(true)}>
        Freeze wallet
      </Button>
      {asking && (
        <FreezeDialog
          api={api}
          userId={userId}
          now="none"
          close={close}
          done={both(close, reload)}
        />
      )}
    </>
  )
}

const NOTHING = { debits: false, credits: false }

const both = (first: () => void, second: () => void) => () => {
  first()
  second()
}

function Change({ reason, changedBy, changedAt }: FreezeState['history'][number]) {
  return (
    <span class="small breakable">
      By <bdi>{changedBy}</bdi>,{' '}
      <time dateTime={changedAt} title={fullTime(changedAt)}>
        {ago(changedAt)}
      </time>
      {reason && `: “${reason}”`}
    </span>
  )
}

interface FreezeDialogProps {
  api: Api
  userId: string
  now: string
  done: () => void
  close: () => void
}

function FreezeDialog({ api, userId, now, done, close }: FreezeDialogProps) {
  const [kind, setKind] = useState(now === 'none' ? 'both' : now)
  const [reason, setReason] = useState('')
  const key = useIdempotencyKey()
  const freeze = useAction(async () => {
    const body = {
      debits: kind !== 'credits',
      credits: kind !== 'debits',
      ...(reason.trim() && { reason: reason.trim() }),
    }
    await api.post(freezePath(userId), body, key.for(body))
    done()
  })
  return (
    <Dialog
      title={`Freeze the wallet of ${userId}`}
      verb="Freeze"
      action={freeze}
      onSubmit={() => void freeze.run()}
      onClose={close}
    >
      <p class="soft">
        From then on such transactions are refused, and the user is told. An adjustment by an admin
        is still possible. Holds that exist expire as before.
      </p>
      <SelectField label="What is refused" options={KINDS} value={kind} onChange={setKind} />
      <ReasonField value={reason} onInput={setReason} />
    </Dialog>
  )
}

function UnfreezeDialog({ api, userId, done, close }: FreezeDialogProps) {
  const [reason, setReason] = useState('')
  const unfreeze = useAction(async () => {
    await api.delete(freezePath(userId), { reason: reason.trim() })
    done()
  })
  return (
    <Dialog
      title={`Unfreeze the wallet of ${userId}?`}
      verb="Unfreeze"
      action={unfreeze}
      onSubmit={() => void unfreeze.run()}
      onClose={close}
    >
      <p class="soft">Money can move again at once, and the user is told.</p>
      <ReasonField value={reason} onInput={setReason} />
    </Dialog>
  )
}

function ReasonField(props: { value: string; onInput: (value: string) => void }) {
  return <TextField label="Reason" hint="optional, only admins see it" maxLength={500} {...props} />
}
