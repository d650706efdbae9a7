import { useState } from 'preact/hooks'
import { SelectField } from '../components/fields.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { formatMoney } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { shortTime } from '../lib/time.ts'
import { List, type ListProps, UserLink } from './analytics-list.tsx'

const SHOWN = 8

/** Of a file, which has all pages. */
const PER_PAGE = '100'

interface Mover {
  userId: string
  change: number
  balance: number
}

export function Movers({ api, asked }: ListProps) {
  const [direction, setDirection] = useState('up')
  const { from, to, currency } = asked
  const list = useLoaded(
    (signal) =>
      api.get<{ items: Mover[] }>(
        '/admin/analytics/movers',
        { from, to, currency, direction, limit: SHOWN },
        signal,
      ),
    [api, asked, direction],
  )
  return (
    <List
      api={api}
      title="Top movers"
      list={list}
      file={{
        ...{ path: '/admin/analytics/movers', name: 'movers.csv' },
        query: { from, to, currency, direction, limit: PER_PAGE },
      }}
      empty="No balance changed."
      head={['User', 'Change', 'Now']}
      choice={
        <SelectField
          label="Show"
          options={[
            ['up', 'Rose most'],
            ['down', 'Fell most'],
          ]}
          value={direction}
          onChange={setDirection}
        />
      }
      rows={(list.value?.items ?? []).map((one) => [
        <UserLink key="user" id={one.userId} />,
        formatMoney(one.change, currency, { signed: true }),
        formatMoney(one.balance, currency),
      ])}
    />
  )
}

interface Refusal {
  type: string
  reason: string
  refusals: number
}

export function Refusals({ api, asked }: ListProps) {
  const list = useLoaded(
    (signal) => api.get<{ items: Refusal[] }>('/admin/analytics/refusals', { ...asked }, signal),
    [api, asked],
  )
  const sums = new Map<string, Refusal>()
  for (const one of list.value?.items ?? []) {
    const key = `${one.type} ${one.reason}`
    sums.set(key, { ...one, refusals: one.refusals + (sums.get(key)?.refusals ?? 0) })
  }
  return (
    <List
      api={api}
      title="Refused"
      list={list}
      file={{ path: '/admin/analytics/refusals', name: 'refusals.csv', query: { ...asked } }}
      empty="Nothing was refused."
      head={['What', 'Why', 'Times']}
      rows={[...sums.values()]
        .sort((a, b) => b.refusals - a.refusals)
        .map(({ type, reason, refusals }) => [
          type.replaceAll('_', ' '),
          reason.replaceAll('_', ' '),
          formatCount(refusals),
        ])}
    />
  )
}

interface Wallet {
  userId: string
  balance: number
  firstEntryAt: string
  lastEntryAt: string
}

export function Dormant({ api, asked }: ListProps) {
  const { from, currency } = asked
  const path = '/admin/analytics/dormant'
  const list = useLoaded(
    (signal) => api.get<{ items: Wallet[] }>(path, { since: from, currency, limit: SHOWN }, signal),
    [api, asked],
  )
  return (
    <List
      api={api}
      title="Silent since the range began"
      list={list}
      file={{ path, name: 'dormant.csv', query: { since: from, currency, limit: PER_PAGE } }}
      empty="Everyone had an entry."
      head={['User', 'Last entry', 'Balance']}
      rows={(list.value?.items ?? []).map((one) => [
        <UserLink key="user" id={one.userId} />,
        shortTime(one.lastEntryAt),
        formatMoney(one.balance, currency),
      ])}
    />
  )
}

export function NewWallets({ api, asked }: ListProps) {
  const { from, to, currency } = asked
  const path = '/admin/analytics/new-wallets'
  const list = useLoaded(
    (signal) => api.get<{ items: Wallet[] }>(path, { from, to, currency, limit: SHOWN }, signal),
    [api, asked],
  )
  return (
    <List
      api={api}
      title="New wallets"
      list={list}
      file={{ path, name: 'new-wallets.csv', query: { from, to, currency, limit: PER_PAGE } }}
      empty="Nobody had a first entry."
      head={['User', 'First entry', 'Balance']}
      rows={(list.value?.items ?? []).map((one) => [
        <UserLink key="user" id={one.userId} />,
        shortTime(one.firstEntryAt),
        formatMoney(one.balance, currency),
      ])}
    />
  )
}
