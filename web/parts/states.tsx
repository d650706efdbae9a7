import type { ComponentChildren } from 'preact'
import { Button } from './button.tsx'
import { explain } from './problem.ts'

/** Where there is nothing, why, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  )
}

/** What went wrong, in words, and a way to try again. */
export function Failure({ problem, retry }: { problem: unknown; retry?: () => void }) {
  return (
    <div class="notice loss" role="alert">
      <span>{explain(problem)}</span>
      {retry && (
        <Button kind="quiet compact" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** Lines where something will stand in a moment. */
export function Loading({ lines = 4, what }: { lines?: number; what: string }) {
  return (
    <div class="stack" role="status">
      <span class="sr-only">{what}</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <span key={line} class="skeleton" style={{ width: `${90 - ((line * 17) % 40)}%` }} />
      ))}
    </div>
  )
}
