import { Button } from '../components/button.tsx'
import { CurrencyField, SelectField, TextField } from '../components/fields.tsx'
import { formatMoney } from '../lib/money.ts'
import { span } from '../lib/time.ts'
import { LIMITED_TYPES, type LimitForm, NEW_LIMIT } from './tenant.ts'
import { Part, type PartProps } from './tenant-dialog.tsx'

export const WINDOWS = ['3600', '86400', '604800', '2592000']

/** The spending limits of users who have none of their own. */
export function TenantLimits({ form, wrong, set, currency }: PartProps & { currency: string }) {
  const { limits } = form
  const change = (at: number, part: Partial<LimitForm>) =>
    set({ limits: limits.map((limit, i) => (i === at ? { ...limit, ...part } : limit)) })
  return (
    <Part
      title={`Spending limits of its users${limits.length > 0 ? ` (${limits.length})` : ''}`}
      wrong={wrong}
      names={['limits.']}
    >
      {limits.map((limit, at) => {
        const { windowSeconds } = limit
        const windows = WINDOWS.includes(windowSeconds) ? WINDOWS : [windowSeconds, ...WINDOWS]
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a limit is its place in the form
          <fieldset key={at} class="part">
            <legend class="label">Limit {at + 1}</legend>
            <SelectField
              label="On"
              options={LIMITED_TYPES}
              value={limit.type}
              onChange={(type) => change(at, { type })}
            />
            <CurrencyField
              label="Currency"
              value={limit.currency}
              onChange={(currency) => change(at, { currency })}
            />
            <TextField
              label="Most at once"
              placeholder={formatMoney(500, limit.currency)}
              value={limit.maxAmount}
              wrong={wrong[`limits.${at}.maxAmount`]}
              onInput={(maxAmount) => change(at, { maxAmount })}
            />
            <TextField
              label="Most together"
              placeholder={formatMoney(2000, limit.currency)}
              value={limit.maxSum}
              wrong={wrong[`limits.${at}.maxSum`]}
              onInput={(maxSum) => change(at, { maxSum })}
            />
            <SelectField
              label="Together within"
              options={windows.map((seconds) => [seconds, span(Number(seconds))])}
              value={windowSeconds}
              onChange={(windowSeconds) => change(at, { windowSeconds })}
            />
            <Button
              kind="quiet compact"
              onClick={() => set({ limits: limits.filter((_, i) => i !== at) })}
            >
              Remove<span class="sr-only"> limit {at + 1}</span>
            </Button>
          </fieldset>
        )
      })}
      <Button
        kind="quiet compact"
        onClick={() =>
          set({ limits: [...limits, { ...NEW_LIMIT, currency: form.currency || currency }] })
        }
      >
        Add a limit
      </Button>
    </Part>
  )
}
