import { words } from '../lib/language.ts'
import { formatCount } from '../lib/number.ts'
import { Button } from './button.tsx'

interface PagerProps {
  /** The name of the list, for screen readers. */
  label: string
  /** The cursors of this page and of those before it. Empty on the first page. */
  starts: readonly string[]
  nextCursor: string | null
  loading: boolean
  back: string
  forward: string
  /** The current position. Default: the page number. */
  place?: string | undefined
  onTurn: (starts: string[]) => void
}

/** Turns between pages by cursor. Shows nothing if there is only one page. */
export function Pager({
  label,
  starts,
  nextCursor,
  loading,
  back,
  forward,
  place,
  onTurn,
}: PagerProps) {
  if (starts.length === 0 && !nextCursor) return null
  // A double click must not turn two pages.
  const turns = String(starts.length)
  return (
    <nav class="pager" aria-label={label}>
      <Button
        kind="quiet compact"
        idle={starts.length === 0}
        about={turns}
        onClick={() => onTurn(starts.slice(0, -1))}
      >
        {back}
      </Button>
      <span class="small soft" role="status">
        {place ?? words().common.page(formatCount(starts.length + 1))}
      </span>
      <Button
        kind="quiet compact"
        idle={nextCursor === null || loading}
        about={turns}
        onClick={() => nextCursor && onTurn([...starts, nextCursor])}
      >
        {forward}
      </Button>
    </nav>
  )
}
