import type { ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { words } from '../lib/language.ts'
import { endsSession, explain } from '../lib/problem.ts'
import { SessionContext } from '../lib/session.ts'
import { Button } from './button.tsx'

/** Shown where a list is empty. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  )
}

interface FailureProps {
  problem: unknown
  retry?: () => void
  /** A part beside the page's main one, which says that the session has ended, once. */
  aside?: boolean
}

/** An error message, with a button to sign in if the session has ended, or else to try again. */
export function Failure({ problem, retry, aside = false }: FailureProps) {
  const session = useContext(SessionContext)
  const ended = session !== null && endsSession(problem)
  if (ended && aside) return null
  return (
    <div class="notice loss" role="alert">
      <span>{explain(problem)}</span>
      {ended && (
        <Button kind="quiet compact" onClick={() => session.signOut()}>
          {words().signIn.submit}
        </Button>
      )}
      {retry && !ended && (
        <Button kind="quiet compact" onClick={retry}>
          {words().common.tryAgain}
        </Button>
      )}
    </div>
  )
}

/** A placeholder while something is loaded. */
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
