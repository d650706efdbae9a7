import { Failure, Loading } from '../components/states.tsx'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { formatPercent } from '../lib/number.ts'
import { fullTime, shortTime, span, until } from '../lib/time.ts'
import { typeName } from '../lib/transaction.ts'
import type { SectionProps } from './section.ts'

/** A spending limit as `GET /transactions/limits/usage` tells it. Amounts are major units. */
interface Usage {
  type: string
  currency: string
  maxAmount: number | null
  maxSum: number | null
  windowSeconds: number | null
  used: number | null
  left: number | null
  freesAt: string | null
  freesAmount: number | null
}

/** The user's spending limits: how much is used, and when some of it is free again. */
export function Limits({ api, currency, currencies, version }: SectionProps) {
  const { limits: text } = words()
  const list = useLoaded(
    (signal) => api.get<{ items: Usage[] }>('/transactions/limits/usage', {}, signal),
    [api],
    version,
  )
  const id = useId()
  const all = list.value?.items ?? []
  const items = currencies.length > 1 ? all.filter((limit) => limit.currency === currency) : all
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
      </div>
      {list.problem !== undefined && <Failure problem={list.problem} retry={list.reload} />}
      {!list.value && list.loading && <Loading what={text.reading} lines={2} />}
      {list.value && <p class="soft lead">{items.length === 0 ? text.none : text.lead}</p>}
      <ul class="limits">
        {items.map((limit) => (
          <Limit key={`${limit.type} ${limit.currency}`} {...limit} />
        ))}
      </ul>
    </section>
  )
}

function Limit({ type, currency, maxAmount, maxSum, windowSeconds, ...usage }: Usage) {
  const { limits: text } = words()
  const money = (amount: number) => formatMoney(amount, currency)
  const { used, left, freesAt, freesAmount } = usage
  const share = maxSum ? Math.min(1, Number(used) / Number(maxSum)) : 0
  return (
    <li>
      <h3>{typeName(type)}</h3>
      {maxAmount !== null && <p class="small">{text.maxAmount(money(maxAmount))}</p>}
      {maxSum !== null && windowSeconds !== null && used !== null && left !== null && (
        <>
          <p class="small">{text.maxSum(money(maxSum), span(windowSeconds))}</p>
          <meter
            min={0}
            max={1}
            value={share}
            aria-label={text.meter(typeName(type), formatPercent(share))}
          />
          <p class="small soft">{text.used(money(used), money(left))}</p>
          {freesAt !== null && freesAmount !== null && (
            <p class="small soft">
              <time dateTime={freesAt} title={fullTime(freesAt)}>
                {text.frees(money(freesAmount), until(freesAt), shortTime(freesAt))}
              </time>
            </p>
          )}
        </>
      )}
    </li>
  )
}
