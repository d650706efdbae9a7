import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Action } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'
import { Button } from './button.tsx'
import { SETTLING_MS } from './click-guard.ts'
import { Failure } from './states.tsx'

interface DialogProps {
  title: string
  /** The text of the button that confirms. */
  verb: string
  children: ComponentChildren
  // biome-ignore lint/suspicious/noExplicitAny: the caller runs it and knows its arguments
  action: Action<any[]>
  onSubmit: () => void
  onClose: () => void
}

/** A form that must be answered or cancelled first. The focus stays inside, and returns where it was. */
export function Dialog({ title, verb, children, action, onSubmit, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const opened = useRef(performance.now())
  useEffect(() => {
    const shown = dialog.current
    const before = document.activeElement
    shown?.showModal()
    return () => {
      shown?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          // Enter opened the dialog. If it is still held down, or pressed twice, it must not confirm.
          if (performance.now() - opened.current >= SETTLING_MS) onSubmit()
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        {action.problem !== undefined && <Failure problem={action.problem} />}
        <div class="actions">
          <Button kind="quiet" onClick={onClose}>
            {words().common.cancel}
          </Button>
          <Button type="submit" busy={action.busy}>
            {verb}
          </Button>
        </div>
      </form>
    </dialog>
  )
}

/** Asks for confirmation before something that cannot be undone. */
export function ConfirmDialog({ children, ...props }: DialogProps) {
  return (
    <Dialog {...props}>
      <p class="soft">{children}</p>
    </Dialog>
  )
}
