import { useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { lazy } from '../components/lazy.tsx'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'

const Events = lazy(async () => (await import('./activity-events.tsx')).ActivityEvents)

/**
 * What happened in the wallet, newest first: also what moved no money, such as a refused payment. The server keeps it,
 * so it survives a reload.
 */
export function Activity({
  client,
  currency,
}: {
  client: BalanceClient
  /** Only its events. Undefined: all. */
  currency: string | undefined
}) {
  const [shown, setShown] = useState(false)
  const id = useId()
  const { activity: text } = words()
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
        <button
          type="button"
          class="button quiet compact"
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
        >
          {shown ? text.hide : text.show}
        </button>
      </div>
      {shown && <Events client={client} currency={currency} />}
    </section>
  )
}
