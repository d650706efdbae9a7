import type { ComponentChildren } from 'preact'
import type { Deed } from '../../src/ledger/deed.ts'
import { StatementRows } from '../components/statement-rows.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { STATUS_NAMES, STATUS_TONES, type Transaction, typeName } from '../lib/transaction.ts'
import { hrefOf } from './address.ts'
import { nameOf } from './deeds.tsx'
import type { ScreenProps } from './screens.ts'

interface Side {
  kind: string
  userId: string | null
}

interface Trail {
  transaction: Transaction
  createdBy: string
  entries: {
    version: number
    debit: Side
    credit: Side
    amount: number
    previousBalance: number
    newBalance: number
    createdAt: string
    hash: string
    fits: boolean
  }[]
  events: { id: string; event: string; newBalance: number; createdAt: string }[]
  related: Transaction[]
  deeds: Deed[]
  providerEvents: {
    id: string
    provider: string
    kind: string
    eventId: string
    amount: number | null
    currency: string | null
    outcome: string
    reason: string | null
    receivedAt: string
  }[]
  webhooks: {
    id: string
    url: string
    state: 'done' | 'waiting' | 'set_aside'
    attempts: {
      id: string
      delivered: boolean
      error: string | null
      status: number | null
      at: string
    }[]
  }[]
}

/** Everything that is known of a transaction. */
export function TransactionScreen({ api, params: { id = '' } }: ScreenProps) {
  const trail = useLoaded(
    (signal) => api.get<Trail>(`/admin/transactions/${encodeURIComponent(id)}`, {}, signal),
    [api, id],
  )
  const { value, problem } = trail
  const isUnknown = problem instanceof Problem && [400, 404].includes(problem.status)
  return (
    <div class="stack">
      {value ? <Head {...value} /> : <h1>Transaction</h1>}
      {isUnknown && (
        <div class="card">
          <Empty title="There is no such transaction">
            Check the id, or look for it by the search box.
          </Empty>
        </div>
      )}
      {problem !== undefined && !isUnknown && <Failure problem={problem} retry={trail.reload} />}
      {!value && trail.loading && (
        <section class="card">
          <Loading what="Reading the transaction" />
        </section>
      )}
      {value && <Parts {...value} />}
    </div>
  )
}

function Head({ transaction }: Trail) {
  const { userId, type, amount, currency, status } = transaction
  // Of all others, the name says the direction.
  const shown = type === 'admin_adjustment' ? amount : absolute(amount, currency)
  return (
    <div>
      <a class="small" href={hrefOf('users', userId)}>
        <bdi>{userId}</bdi>
      </a>
      <div class="title-row">
        <h1>
          {typeName(type)} of <span class="money">{formatMoney(shown, currency)}</span>
        </h1>
        <span class={`chip ${STATUS_TONES[status]}`}>{STATUS_NAMES[status]}</span>
      </div>
    </div>
  )
}

function Parts(trail: Trail) {
  const { entries, events, related, deeds, providerEvents, webhooks } = trail
  return (
    <>
      <Facts {...trail} />
      <Part title="Entries" without={entries.length === 0 && 'No money has moved.'}>
        <Entries {...trail} />
      </Part>
      <Part title="Decisions" without={deeds.length === 0 && 'Nobody decided about it.'}>
        <Lines
          items={deeds.map(({ id, at, deed, actor, result, roles }) => ({
            ...{ id, at },
            what: `${nameOf(deed)} by ${actor}`,
            note: roles.join(', '),
            state: result === 'done' ? (['gain', 'Done'] as const) : (['loss', result] as const),
          }))}
        />
      </Part>
      <Part title="Events" without={events.length === 0 && 'None, or they are not kept any more.'}>
        <Lines
          items={events.map(({ id, event, createdAt, newBalance }) => ({
            ...{ id, at: createdAt, what: event, note: id },
            side: formatMoney(newBalance, trail.transaction.currency),
          }))}
        />
      </Part>
      <Part
        title="Webhooks"
        without={webhooks.length === 0 && 'No webhook was told of its events.'}
      >
        {webhooks.map((webhook) => (
          <Deliveries key={webhook.id} {...webhook} />
        ))}
      </Part>
      {providerEvents.length > 0 && (
        <Part title="Payment provider">
          <Lines
            items={providerEvents.map(
              ({ id, receivedAt, provider, kind, amount, currency, ...rest }) => ({
                ...{ id, at: receivedAt, what: `${nameOf(kind)}, says ${provider}` },
                note: [rest.eventId, rest.reason && nameOf(rest.reason)]
                  .filter(Boolean)
                  .join(' · '),
                side:
                  amount !== null && currency !== null ? formatMoney(amount, currency) : undefined,
                state: ['', nameOf(rest.outcome)] as const,
              }),
            )}
          />
        </Part>
      )}
      {related.length > 0 && (
        <Part title="Related">
          <StatementRows items={related} mixed hrefOf={({ id }) => hrefOf('transactions', id)} />
        </Part>
      )}
    </>
  )
}

function Facts({ transaction, createdBy }: Trail) {
  const { id, description, adminNotes, processedBy, approvedBy, createdAt, updatedAt } = transaction
  const { referenceId, referenceType, expiresAt, metadata, split } = transaction
  const reference = [referenceType, referenceId].filter(Boolean).join(' ')
  const facts: [string, ComponentChildren][] = [
    ['Id', <code key="id">{id}</code>],
    ['Opened', `${fullTime(createdAt)}, by ${createdBy}`],
    ['First approval', approvedBy],
    ['Ended', processedBy && `${fullTime(updatedAt)}, by ${processedBy}`],
    ['Expires', expiresAt && fullTime(expiresAt)],
    ['Description', description],
    ['Note', adminNotes],
    ['Reference', reference],
    ['Split', split?.map(({ to, fee, amount }) => `${to ?? fee}: ${amount}`).join(', ')],
    ['Metadata', metadata && JSON.stringify(metadata)],
  ]
  return (
    <section class="card" aria-label="Facts">
      <dl class="settings">
        {facts.map(([name, value]) =>
          value ? (
            <>
              <dt>{name}</dt>
              <dd class="breakable">{value}</dd>
            </>
          ) : null,
        )}
      </dl>
    </section>
  )
}

interface PartProps {
  title: string
  /** What is said in place of its content. */
  without?: string | false
  children: ComponentChildren
}

function Part({ title, without = false, children }: PartProps) {
  const id = useId()
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
      </div>
      {without ? <p class="soft">{without}</p> : children}
    </section>
  )
}

function Entries({ entries, transaction: { currency } }: Trail) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">From and to</th>
          <th scope="col">Chain</th>
          <th scope="col" class="right">
            Amount
          </th>
          <th scope="col" class="right">
            Balance
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.version}>
            <td class="when-cell soft small">
              <time dateTime={entry.createdAt} title={fullTime(entry.createdAt)}>
                {shortTime(entry.createdAt)}
              </time>
            </td>
            <td class="lead-cell breakable">
              <span class="what">
                {sideOf(entry.debit)} → {sideOf(entry.credit)}
              </span>
              <span class="note">
                Entry {entry.version}, <code>{entry.hash}</code>
              </span>
            </td>
            <td class="status-cell">
              <span class={`chip ${entry.fits ? 'gain' : 'loss'}`}>
                {entry.fits ? 'Intact' : 'Altered'}
              </span>
            </td>
            <td class="right money amount-cell">{formatMoney(entry.amount, currency)}</td>
            <td class="right money soft" data-label="Balance">
              {formatMoney(entry.previousBalance, currency)} →{' '}
              {formatMoney(entry.newBalance, currency)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** A user, or an account of the house: `fee:city` is "House, fee:city". */
const sideOf = ({ kind, userId }: Side) => userId ?? `House, ${kind}`

interface Line {
  id: string
  at: string
  what: string
  note?: string
  side?: string | undefined
  state?: readonly [tone: string, text: string]
}

function Lines({ items }: { items: readonly Line[] }) {
  return (
    <ul class="lines">
      {items.map(({ id, at, what, note, side, state }) => (
        <li key={id} class="row">
          <div>
            <span class="breakable">{what}</span>
            {note && <span class="small soft breakable block">{note}</span>}
          </div>
          <span class="side">
            {side && <span class="money soft small">{side}</span>}
            {state && <span class={`chip ${state[0]}`}>{state[1]}</span>}
            <time class="small soft" dateTime={at} title={fullTime(at)}>
              {shortTime(at)}
            </time>
          </span>
        </li>
      ))}
    </ul>
  )
}

const STATES = {
  done: ['gain', 'Done'],
  waiting: ['wait', 'Waiting'],
  set_aside: ['loss', 'Set aside'],
} as const

function Deliveries({ id, url, state, attempts }: Trail['webhooks'][number]) {
  const [tone, text] = STATES[state]
  return (
    <div class="stack">
      <div class="row">
        <a class="breakable" href={hrefOf('webhooks', id)}>
          {url}
        </a>
        <span class={`chip ${tone}`}>{text}</span>
      </div>
      <Lines
        items={attempts.map(({ id, at, delivered, status, error }) => ({
          ...{ id, at, what: delivered ? `Delivered: ${status}` : `Not delivered: ${error}` },
        }))}
      />
    </div>
  )
}
