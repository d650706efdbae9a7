import { useEffect, useRef } from 'preact/hooks'
import { type Store, useStore } from '../hooks/use-store.ts'

export type Tone = 'gain' | 'loss' | 'plain'

export interface Toast {
  /** A later toast about the same thing takes the place of the earlier one. */
  about: string
  tone: Tone
  title: string
  text?: string
}

/** Milliseconds that one stays, unless somebody looks at it. */
const VISIBLE_MS = 7_000
const MAX_TOASTS = 3

/** What the page has to tell in passing. */
export class Toasts implements Store<readonly Toast[]> {
  readonly #watchers = new Set<() => void>()
  #shown: readonly Toast[] = []

  getSnapshot = () => this.#shown

  subscribe = (watcher: () => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  show(toast: Toast): void {
    const others = this.#shown.filter(({ about }) => about !== toast.about)
    this.#set([...others, toast].slice(-MAX_TOASTS))
  }

  dismiss(about: string): void {
    this.#set(this.#shown.filter((shown) => shown.about !== about))
  }

  #set(shown: readonly Toast[]): void {
    this.#shown = shown
    for (const watcher of [...this.#watchers]) watcher()
  }
}

const MARKS: Record<Tone, string> = { gain: '✓', loss: '!', plain: 'i' }

export function ToastRegion({ toasts }: { toasts: Toasts }) {
  const shown = useStore(toasts)
  return (
    // A shelf of its own at the foot of the window, which the page leaves free: it covers no button.
    <section
      class="toasts"
      aria-label="Notifications"
      aria-live="polite"
      aria-relevant="additions text"
    >
      {shown.map((toast) => (
        <ToastCard key={toast.about} toast={toast} close={() => toasts.dismiss(toast.about)} />
      ))}
    </section>
  )
}

function ToastCard({ toast, close }: { toast: Toast; close: () => void }) {
  const { tone, title, text } = toast
  const hold = useHold(toast, close)
  return (
    <div class={`toast ${tone}`} {...hold}>
      <span class="mark" aria-hidden="true">
        {MARKS[tone]}
      </span>
      <div>
        <strong>{title}</strong>
        {text && <p>{text}</p>}
      </div>
      <button type="button" class="close" aria-label={`Dismiss: ${title}`} onClick={close}>
        <span aria-hidden="true">✕</span>
      </button>
    </div>
  )
}

/** Closes after a while, but not under somebody's pointer or focus. */
function useHold(toast: Toast, close: () => void) {
  const timer = useRef<number | undefined>(undefined)
  const closing = useRef(close)
  closing.current = close
  const start = () => {
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => closing.current(), VISIBLE_MS)
  }
  const stop = () => clearTimeout(timer.current)
  // biome-ignore lint/correctness/useExhaustiveDependencies: what replaces a toast stays as long as a new one
  useEffect(() => {
    start()
    return stop
  }, [toast])
  return { onPointerEnter: stop, onPointerLeave: start, onFocusIn: stop, onFocusOut: start }
}
