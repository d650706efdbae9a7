import { useEffect, useRef } from 'preact/hooks'
import { type Store, useStore } from '../hooks/use-store.ts'

export type Tone = 'gain' | 'loss' | 'plain'

export interface Toast {
  /** A later toast with the same value replaces the earlier one. */
  about: string
  tone: Tone
  title: string
  text?: string
}

/** How long a toast is shown, unless the pointer or the focus is on it. */
const VISIBLE_MS = 7_000
const MAX_TOASTS = 3

/** The notifications of a page. */
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
    // The page leaves the foot of the window free for the toasts, so that they cover no button.
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

/** Closes a toast after a while, but not while the pointer or the focus is on it. */
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
