import { Figure } from '../components/figure.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { useQueryState } from './address.ts'
import { ChoiceFilter, Filters } from './filters.tsx'
import { tenantPath } from './tenant.ts'

interface Usage {
  users: number
  newUsers: number
  events: number
  connections: number
  keys: number
  requests: { count: number }
  currencies: { currency: string; transactions: number; volume: number }[]
}

const DAY_MS = 86_400_000
const DEFAULT = { days: '', requests: '' }

/** What a tenant has and uses, over a range that is in the address. */
export function TenantUsage({ api, id }: { api: Api; id: string }) {
  const [{ days, requests }, change] = useQueryState(DEFAULT)
  const usage = useLoaded(
    (signal) => {
      const from = new Date(Date.now() - Number(days || 30) * DAY_MS).toISOString()
      return api.get<Usage>(tenantPath(id, 'usage'), { from, requests }, signal)
    },
    [api, id, days, requests],
  )
  const { value } = usage
  return (
    <section class="card" aria-label="Usage">
      <div class="card-head">
        <h2>Usage</h2>
      </div>
      <Filters label="Range of the usage">
        <ChoiceFilter
          label="Range"
          all="30 days"
          value={days}
          options={[
            ['1', '1 day'],
            ['7', '7 days'],
            ['90', '90 days'],
            ['365', '365 days'],
          ]}
          change={(days) => change({ days }, 'replace')}
        />
        <ChoiceFilter
          label="Requests of the last"
          all="Hour"
          value={requests}
          options={[['day', 'Day']]}
          change={(requests) => change({ requests }, 'replace')}
        />
      </Filters>
      {usage.problem !== undefined && <Failure problem={usage.problem} retry={usage.reload} />}
      {!value && usage.loading && <Loading what="Reading the usage" lines={2} />}
      {value && (
        <>
          <dl class={`figures ${usage.loading ? 'busy' : ''}`}>
            <Figure name="Users" value={formatCount(value.users)} />
            <Figure name="New in the range" value={formatCount(value.newUsers)} />
            <Figure name="Open streams" value={formatCount(value.connections)} />
            <Figure name="Requests" value={formatCount(value.requests.count)} />
            <Figure name="Events ever" value={formatCount(value.events)} />
            <Figure name="API keys" value={formatCount(value.keys)} />
          </dl>
          {value.currencies.length > 0 && (
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">Currency</th>
                  <th scope="col" class="right">
                    Transactions
                  </th>
                  <th scope="col" class="right">
                    Volume
                  </th>
                </tr>
              </thead>
              <tbody>
                {value.currencies.map(({ currency, transactions, volume }) => (
                  <tr key={currency}>
                    <td>{currency}</td>
                    <td class="right figure">{formatCount(transactions)}</td>
                    <td class="right money">{formatMoney(volume, currency)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
    </section>
  )
}
