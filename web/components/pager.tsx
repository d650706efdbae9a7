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
  /** Where one is. Default: the number of the page. */
  place?: string | undefined
  onTurn: (starts: string[]) => void
}

/** Back and forth between pages by cursor; nothing where there is a single page. */
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
  // The second click of a double click turns no second page.
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
        {place ?? `Page ${starts.length + 1}`}
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
