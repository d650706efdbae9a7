import { useEffect, useRef, useState } from 'preact/hooks'
import { type Store, useStore } from '../hooks/use-store.ts'
import { words } from '../lib/language.ts'

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

/** Toasts that come together are read out together. */
const READ_OUT_MS = 300

/** How long the toasts after them are only counted. */
const SILENCE_MS = 2_500

/** The notifications of a page. */
export class Toasts implements Store<readonly Toast[]> {
  readonly #watchers = new Set<() => void>()
  readonly #listeners = new Set<(toast: Toast) => void>()
  #shown: readonly Toast[] = []

  getSnapshot = () => this.#shown

  subscribe = (watcher: () => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Hears every toast, also one that others replace at once. */
  listen(listener: (toast: Toast) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  show(toast: Toast): void {
    for (const listener of [...this.#listeners]) listener(toast)
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
  const { silent, summary } = useSilence(toasts)
  return (
    <>
      {/* The page leaves the foot of the window free for the toasts, so that they cover no button. */}
      <section
        class="toasts"
        aria-label={words().common.notifications}
        aria-live={silent ? 'off' : 'polite'}
        aria-relevant="additions text"
      >
        {shown.map((toast) => (
          <ToastCard key={toast.about} toast={toast} close={() => toasts.dismiss(toast.about)} />
        ))}
      </section>
      <p class="sr-only" role="status" data-testid="more-toasts">
        {summary}
      </p>
    </>
  )
}

/**
 * Lets a screen reader read out a toast, but not a stream of them: it would never finish. After the first ones, the
 * region is silent while more arrive, and their number is said now and then.
 */
function useSilence(toasts: Toasts): { silent: boolean; summary: string } {
  const [state, setState] = useState({ silent: false, summary: '' })
  useEffect(() => {
    let missed = 0
    let silent = false
    let timer: number | undefined
    const pause = () => {
      silent = true
      const summary = missed === 0 ? '' : words().common.more(missed)
      missed = 0
      setState({ silent, summary })
      timer = window.setTimeout(() => {
        if (missed > 0) return pause()
        timer = undefined
        silent = false
        setState({ silent, summary: '' })
      }, SILENCE_MS)
    }
    const stop = toasts.listen(() => {
      if (silent) missed += 1
      else timer ??= window.setTimeout(pause, READ_OUT_MS)
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [toasts])
  return state
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
      <button
        type="button"
        class="close"
        aria-label={words().common.dismiss(title)}
        onClick={close}
      >
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
