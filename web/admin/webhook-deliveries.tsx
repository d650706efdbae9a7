import { useState } from 'preact/hooks'
import type { FailingUser, WebhookAttempt } from '../../src/deliveries/webhook.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { SelectField, TextField } from '../components/fields.tsx'
import { Pager } from '../components/pager.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import { usePolled } from '../hooks/use-polled.ts'
import type { Api } from '../lib/api.ts'
import { ago, fullTime, shortTime } from '../lib/time.ts'
import { hrefOf } from './address.ts'
import { type Deliveries, seqsText, usersText, webhookPath } from './webhook.ts'

const PER_PAGE = 25

const KINDS = [
  ['', 'All'],
  ['false', 'Failed'],
  ['true', 'Delivered'],
] as const

interface DeliveryListProps {
  api: Api
  /** The webhook's. */
  id: string
  /** Another one says that something was sent. */
  version: unknown
  /** Between two reads without one. */
  intervalMs: number
}

/** The users whose events fail, and the last attempts; with replay. */
export function DeliveryList({ api, id, version, intervalMs }: DeliveryListProps) {
  const [delivered, setDelivered] = useState('')
  const [starts, setStarts] = useState<string[]>([])
  const [asking, setAsking] = useState<Partial<Replay>>()
  const [done, setDone] = useState<{ times: number; users: number }>()
  const list = usePolled(
    (signal) =>
      api.get<Deliveries>(
        webhookPath(id, 'deliveries'),
        { delivered, cursor: starts.at(-1), limit: PER_PAGE },
        signal,
      ),
    [api, id, delivered, starts],
    intervalMs,
    version,
  )
  const { failing = [], items = [], nextCursor = null } = list.value ?? {}
  return (
    <>
      <div role="status">
        {done && (
          <p class="notice gain" key={done.times}>
            Sending again to {usersText(done.users)}.
          </p>
        )}
      </div>
      {list.problem !== undefined && <Failure problem={list.problem} retry={list.reload} />}
      {failing.length > 0 && <Failing users={failing} replay={setAsking} />}
      <section class="card" aria-labelledby="deliveries-title">
        <div class="card-head">
          <h2 id="deliveries-title">Deliveries</h2>
          <Button kind="quiet compact" onClick={() => setAsking({})}>
            Send again
          </Button>
        </div>
        <div class="filters few">
          <SelectField
            label="Show"
            options={KINDS}
            value={delivered}
            onChange={(value) => {
              setDelivered(value)
              setStarts([])
            }}
          />
        </div>
        {!list.value && list.loading && <Loading what="Reading the deliveries" />}
        {list.value && items.length === 0 && (
          <Empty title="Nothing to show">Deliveries appear here as they happen.</Empty>
        )}
        {items.length > 0 && <Attempts items={items} replay={setAsking} />}
        <Pager
          label="Pages of deliveries"
          starts={starts}
          nextCursor={nextCursor}
          loading={list.loading}
          back="Newer"
          forward="Older"
          onTurn={setStarts}
        />
      </section>
      {asking && (
        <ReplayDialog
          api={api}
          id={id}
          from={asking}
          close={() => setAsking(undefined)}
          done={(users) => {
            setAsking(undefined)
            setDone((done) => ({ times: (done?.times ?? 0) + 1, users }))
            list.reload()
          }}
        />
      )}
    </>
  )
}

interface FailingProps {
  users: FailingUser[]
  replay: (from: Partial<Replay>) => void
}

function Failing({ users, replay }: FailingProps) {
  return (
    <section class="card" aria-labelledby="failing-title">
      <div class="card-head">
        <h2 id="failing-title">Events that fail</h2>
        <span class="chip loss">{usersText(users.length)}</span>
      </div>
      <ul class="stack">
        {users.map((user) => (
          <li key={user.userId} class="row">
            <div class="breakable">
              <a href={hrefOf('users', user.userId)}>
                <bdi>{user.userId}</bdi>
              </a>
              : events {seqsText(user.ackedSeq + 1, user.lastSeq)} wait
              <p class="small soft">
                {user.error ?? 'It failed'} · {user.attempts}{' '}
                {user.attempts === 1 ? 'attempt' : 'attempts'} since{' '}
                <time dateTime={user.failingSince} title={fullTime(user.failingSince)}>
                  {shortTime(user.failingSince)}
                </time>
                {user.nextAttemptAt && !user.setAsideAt && (
                  <>
                    , next at{' '}
                    <time dateTime={user.nextAttemptAt} title={fullTime(user.nextAttemptAt)}>
                      {shortTime(user.nextAttemptAt)}
                    </time>
                  </>
                )}
              </p>
            </div>
            <span class="side">
              {user.setAsideAt && <span class="chip loss">Set aside</span>}
              <Button
                kind="quiet compact"
                label={`Send now to ${user.userId}`}
                onClick={() => replay({ userId: user.userId })}
              >
                Send now
              </Button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface AttemptsProps {
  items: WebhookAttempt[]
  replay: (from: Partial<Replay>) => void
}

function Attempts({ items, replay }: AttemptsProps) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">User</th>
          <th scope="col">Events</th>
          <th scope="col">Answer</th>
          <th scope="col" class="right">
            <span class="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map(({ id, userId, fromSeq, toSeq, delivered, status, error, durationMs, at }) => (
          <tr key={id}>
            <td class="when-cell soft small">
              <time dateTime={at} title={fullTime(at)}>
                {ago(at)}
              </time>
            </td>
            <td class="lead-cell breakable">
              <a href={hrefOf('users', userId)}>
                <bdi>{userId}</bdi>
              </a>
            </td>
            <td class="figure" data-label="Events">
              {seqsText(fromSeq, toSeq)}
            </td>
            <td class="status-cell">
              <span class={`chip ${delivered ? 'gain' : 'loss'}`}>
                {delivered ? `${status}` : 'Failed'}
              </span>
              <span class="note">
                {error ? `${error} · ` : ''}
                {durationMs} ms
              </span>
            </td>
            <td class="right row-actions">
              <Button
                kind="bare compact"
                label={`Send again to ${userId} from event ${fromSeq}`}
                onClick={() => replay({ userId, afterSeq: String(fromSeq - 1) })}
              >
                Send again
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface Replay {
  userId: string
  afterSeq: string
}

interface ReplayDialogProps {
  api: Api
  id: string
  from: Partial<Replay>
  close: () => void
  done: (users: number) => void
}

/** Sends events again: of a user after a seq, those of a user that wait, or all that were set aside. */
function ReplayDialog({ api, id, from, close, done }: ReplayDialogProps) {
  const [userId, setUserId] = useState(from.userId ?? '')
  const [after, setAfter] = useState(from.afterSeq ?? '')
  const [wrong, setWrong] = useState<{ user?: string; after?: string }>({})
  const key = useIdempotencyKey()
  const replay = useAction(async () => {
    const [user, seq] = [userId.trim(), after.trim()]
    const problems = {
      ...(seq !== '' && user === '' && { user: 'Enter the user of this event.' }),
      ...(!isPosition(seq) && { after: 'Enter a number such as 41, or the id of an event.' }),
    }
    setWrong(problems)
    if (Object.keys(problems).length > 0) return
    const body = {
      ...(user !== '' && { userId: user }),
      ...(seq.includes(':') ? { afterId: seq } : seq !== '' && { afterSeq: Number(seq) }),
    }
    const path = webhookPath(id, 'replay')
    const { users } = await api.post<{ users: number }>(path, body, key.for(body))
    done(users)
  })
  return (
    <Dialog
      title="Send events again"
      verb="Send"
      action={replay}
      onSubmit={() => void replay.run()}
      onClose={close}
    >
      <TextField
        label="User"
        hint="empty: everyone whose events were set aside"
        value={userId}
        wrong={wrong.user}
        onInput={(value) => {
          setUserId(value)
          setWrong({})
        }}
      />
      <TextField
        label="After event"
        hint="its number or id; empty: only what was not delivered"
        placeholder="41"
        value={after}
        wrong={wrong.after}
        onInput={(value) => {
          setAfter(value)
          setWrong({})
        }}
      />
    </Dialog>
  )
}

const isPosition = (text: string) =>
  text === '' || /^\d{1,15}$|^[A-Za-z0-9]{1,32}:\d{1,15}$/.test(text)
