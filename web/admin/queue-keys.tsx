import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import type { RowActions } from './pending-request.tsx'

const KEYS = [
  ['j or ↓', 'The next request'],
  ['k or ↑', 'The request before'],
  ['a', 'Approve it'],
  ['r', 'Reject it, with a note'],
  ['x', 'Choose it, to decide it with others'],
  ['?', 'Show these keys'],
] as const

/**
 * The keys of the queue. They act on the row with the focus. None acts with a modifier, in a field, in a dialog or
 * while it is held down. After a decision the focus stays on the row, so the same key again decides nothing.
 */
export function useQueueKeys(actions: ReadonlyMap<string, RowActions>) {
  const [shown, setShown] = useState(false)
  const latest = useRef(actions)
  latest.current = actions
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { key, target } = event
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (!(target instanceof HTMLElement) || document.querySelector('dialog[open]')) return
      if (target.closest('input:not([type="checkbox"]), textarea, select, [contenteditable]'))
        return
      const row = target.closest<HTMLElement>('[data-request]')
      const act = latest.current.get(row?.dataset.request ?? '')
      const steps = key === 'j' ? 1 : key === 'k' ? -1 : undefined
      const arrows = row && (key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : undefined)
      const step = steps ?? arrows
      if (step !== undefined && step !== null) moveFrom(row, step)
      else if (event.repeat) return
      else if (key === '?') setShown(true)
      else if (key === 'a' && act) act.approve()
      else if (key === 'r' && act) act.reject()
      else if (key === 'x' && act) act.choose()
      else return
      event.preventDefault()
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
  return { shown, show: () => setShown(true), hide: () => setShown(false) }
}

function moveFrom(row: HTMLElement | null, step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-request]')]
  const at = row ? rows.indexOf(row) + step : step > 0 ? 0 : rows.length - 1
  rows[Math.max(0, Math.min(at, rows.length - 1))]?.focus()
}

/** The list of the keys. */
export function KeysDialog({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="keys-title" onClose={close}>
      <form method="dialog">
        <h2 id="keys-title">Keyboard</h2>
        <dl class="keys">
          {KEYS.map(([key, text]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        <div class="actions">
          <Button onClick={close}>Close</Button>
        </div>
      </form>
    </dialog>
  )
}
