import { Button } from '../components/button.tsx'
import { words } from '../lib/language.ts'

interface UnansweredProps {
  /** What was sent. */
  what: string
  busy?: boolean
  retry: () => void
}

/** Says that nobody knows whether something was done, and offers to send exactly that again. */
export function Unanswered({ what, busy = false, retry }: UnansweredProps) {
  const text = words().unknown
  return (
    <div class="notice wait" role="alert" data-testid="unanswered">
      <strong>{text.title}</strong>
      <span class="breakable">
        {what} {text.text}
      </span>
      <Button kind="quiet compact" busy={busy} onClick={retry}>
        {text.retry}
      </Button>
    </div>
  )
}
