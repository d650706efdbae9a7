import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'
import { formatCount } from '../lib/number.ts'

interface GuideProps {
  client: BalanceClient
  /** A topup waits for its approval. */
  asked: boolean
  /** The user is a demo user, who can be the admin as well. */
  demo: boolean
  dismiss: () => void
}

/** The first steps of a user to whom nothing has happened yet. */
export function Guide({ client, asked: waiting, demo, dismiss }: GuideProps) {
  const { guide: text } = words()
  const [asked, setAsked] = useState(waiting)
  const [arrived, setArrived] = useState(false)
  useEffect(() => {
    if (waiting) setAsked(true)
  }, [waiting])
  useEffect(() => client.on('balance_updated', () => setArrived(true)), [client])
  const id = useId()
  const steps = [
    { title: text.ask, text: text.askText, done: asked || arrived },
    { title: text.approve, text: demo ? text.approveDemo : text.approveText, done: arrived },
    { title: text.watch, text: text.watchText, done: arrived },
  ]
  const count = steps.filter(({ done }) => done).length
  const next = steps.findIndex(({ done }) => !done)
  return (
    <section class="card guide wide" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
        <Button kind="bare" label={text.dismiss} onClick={dismiss}>
          {words().activity.hide}
        </Button>
      </div>
      <p class="soft" role="status">
        {arrived ? text.finished : text.lead}{' '}
        <span class="sr-only">{text.progress(formatCount(count), formatCount(steps.length))}</span>
      </p>
      <ol>
        {steps.map(({ title, text: details, done }, i) => (
          <li key={title} class={done ? 'done' : ''} aria-current={i === next ? 'step' : undefined}>
            <span class="number" aria-hidden="true">
              {done ? '✓' : formatCount(i + 1)}
            </span>
            <div>
              <strong>
                {title}
                {done && <span class="sr-only"> ({text.done})</span>}
              </strong>
              <p class="small soft">{details}</p>
              {i === 1 && demo && !done && (
                <a class="small" href="/admin" target="_blank" rel="noopener">
                  {text.openConsole}
                </a>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}
