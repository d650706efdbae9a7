import { DEEDS, type Deed, type DeedName } from '../../src/ledger/deed.ts'
import { Button } from '../components/button.tsx'
import { Pager } from '../components/pager.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { saveFile } from '../lib/save-file.ts'
import { dayStart, fullTime, shortTime } from '../lib/time.ts'
import { hrefOf, useQueryState } from './address.ts'
import type { ScreenProps } from './screens.ts'

const PER_PAGE = 25
const ALL = {
  ...{ actor: '', deed: '', target: '', result: '', from: '', to: '' },
  page: [] as readonly string[],
}

interface DeedPage {
  items: Deed[]
  nextCursor: string | null
}

/** The audit log: what admins, services and operators did, and what they were refused. */
export function DeedLog({ api }: ScreenProps) {
  const [{ page: starts, ...filter }, change] = useQueryState(ALL)
  const query = {
    ...filter,
    from: filter.from && dayStart(filter.from),
    to: filter.to && dayStart(filter.to, 1),
  }
  const page = useLoaded(
    (signal) =>
      api.get<DeedPage>(
        '/admin/deeds',
        { ...query, limit: PER_PAGE, cursor: starts.at(-1) },
        signal,
      ),
    [JSON.stringify(filter), starts],
  )
  const saving = useAction(async () =>
    saveFile(await api.file('/admin/deeds/export', query), 'deeds.csv'),
  )
  const { items = [], nextCursor = null } = page.value ?? {}
  const filtered = Object.values(filter).some(Boolean)
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Audit log</h1>
          <p class="soft">What admins, services and operators did, and what they were refused.</p>
        </div>
        <Button kind="quiet compact" busy={saving.busy} onClick={() => void saving.run()}>
          Download CSV
        </Button>
      </div>
      <section class="card" aria-label="Audit log">
        <Filters filter={filter} change={(part) => change({ ...part, page: [] }, 'replace')} />
        {saving.problem !== undefined && <Failure problem={saving.problem} />}
        {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
        {!page.value && page.loading && <Loading what="Reading the log" />}
        {page.value && items.length === 0 && (
          <Empty title={filtered ? 'Nothing like that is on record' : 'Nothing is on record yet'}>
            {filtered ? 'Try another filter.' : 'The first decision of an admin appears here.'}
          </Empty>
        )}
        {items.length > 0 && <Rows items={items} />}
        <Pager
          label="Pages of the log"
          starts={starts}
          nextCursor={nextCursor}
          loading={page.loading}
          back="Newer"
          forward="Older"
          onTurn={(page) => change({ page })}
        />
      </section>
    </>
  )
}

/** Their target is a transaction. */
const OF_MONEY: ReadonlySet<string> = new Set<DeedName>([
  'topup_process',
  'withdrawal_process',
  'adjustment',
  'adjustment_process',
  'refund',
  'refund_process',
])

type Filter = Record<'actor' | 'deed' | 'target' | 'result' | 'from' | 'to', string>

function Filters({ filter, change }: { filter: Filter; change: (part: Partial<Filter>) => void }) {
  const id = useId()
  const input = (name: keyof Filter, label: string, type: 'search' | 'date') => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        class="input compact"
        {...(type === 'date' ? { type } : { type })}
        maxLength={255}
        value={filter[name]}
        // When it is complete: a part finds nothing.
        onChange={(event) => change({ [name]: event.currentTarget.value.trim() })}
      />
    </div>
  )
  const choice = (name: keyof Filter, label: string, options: readonly [string, string][]) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <select
        id={`${id}-${name}`}
        class="input compact"
        value={filter[name]}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      >
        <option value="">All</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
  return (
    <fieldset class="filters">
      <legend class="sr-only">Filter the log</legend>
      {input('actor', 'Who', 'search')}
      {choice(
        'deed',
        'What',
        DEEDS.map((deed) => [deed, nameOf(deed)]),
      )}
      {input('target', 'User or id', 'search')}
      {choice('result', 'Result', [
        ['done', 'Done'],
        ['refused', 'Refused'],
      ])}
      {input('from', 'From', 'date')}
      {input('to', 'To', 'date')}
    </fieldset>
  )
}

function Rows({ items }: { items: readonly Deed[] }) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Result</th>
          <th scope="col">Who</th>
        </tr>
      </thead>
      <tbody>
        {items.map((deed) => (
          <tr key={deed.id}>
            <td class="when-cell soft small">
              <time dateTime={deed.at} title={fullTime(deed.at)}>
                {shortTime(deed.at)}
              </time>
            </td>
            <td class="lead-cell breakable">
              <span class="what">{nameOf(deed.deed)}</span>
              {deed.userId !== null && (
                <span class="note">
                  of{' '}
                  <a href={hrefOf('users', deed.userId)}>
                    <bdi>{deed.userId}</bdi>
                  </a>
                </span>
              )}
              <Details {...deed} />
            </td>
            <td class="status-cell">
              <span class={`chip ${deed.result === 'done' ? 'gain' : 'loss'}`}>
                {deed.result === 'done' ? 'Done' : deed.result}
              </span>
            </td>
            <td class="amount-cell breakable">
              <bdi>{deed.actor}</bdi>
              <span class="note">{deed.roles.join(', ')}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Details(deed: Deed) {
  const { id, target, requestId, address, keyId, seal } = deed
  const isOfMoney = OF_MONEY.has(deed.deed)
  const facts: [string, string | null | undefined][] = [
    ['Asked', text(deed.asked)],
    ['Before', text(deed.before)],
    ['After', text(deed.after)],
    ['Target', target],
    ['Request', requestId],
    ['Address', address],
    ['API key', keyId],
    ['Seal', seal ? `${seal.seq} · ${seal.hash}` : 'within seconds'],
    ['Id', id],
  ]
  return (
    <details>
      <summary class="small soft">Details</summary>
      <dl class="settings">
        {facts.map(([name, value]) =>
          value ? (
            <>
              <dt>{name}</dt>
              <dd class="breakable">
                {name === 'Target' && isOfMoney ? (
                  <a href={hrefOf('transactions', value)}>{value}</a>
                ) : (
                  value
                )}
              </dd>
            </>
          ) : null,
        )}
      </dl>
    </details>
  )
}

const text = (facts: Record<string, unknown> | undefined) =>
  facts &&
  Object.entries(facts)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')

/** `wallet_freeze` is "Wallet freeze". */
export function nameOf(deed: string): string {
  const words = deed.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
