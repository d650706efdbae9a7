import { Button } from './button.tsx'

interface PagerProps {
  /** What is paged, for who cannot see it. */
  label: string
  /** The cursors of the pages that led here; none on the first page. */
  starts: readonly string[]
  nextCursor: string | null
  loading: boolean
  back: string
  forward: string
  onTurn: (starts: string[]) => void
}

/** Back and forth between pages by cursor; nothing where there is a single page. */
export function Pager({ label, starts, nextCursor, loading, back, forward, onTurn }: PagerProps) {
  if (starts.length === 0 && !nextCursor) return null
  return (
    <nav class="pager" aria-label={label}>
      <Button
        kind="quiet compact"
        idle={starts.length === 0}
        onClick={() => onTurn(starts.slice(0, -1))}
      >
        {back}
      </Button>
      <span class="small soft" role="status">
        Page {starts.length + 1}
      </span>
      <Button
        kind="quiet compact"
        idle={nextCursor === null || loading}
        onClick={() => nextCursor && onTurn([...starts, nextCursor])}
      >
        {forward}
      </Button>
    </nav>
  )
}
