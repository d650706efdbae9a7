import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import type { Action } from '../hooks/use-action.ts'
import { Button } from './button.tsx'
import { SETTLING_MS } from './click-guard.ts'
import { Failure } from './states.tsx'

interface DialogProps {
  title: string
  children: ComponentChildren
  onSubmit: () => void
  onClose: () => void
}

/** A question that has to be answered first. The browser keeps the focus inside, and puts it back after. */
export function Dialog({ title, children, onSubmit, onClose }: DialogProps) {
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
          // The key that opened it, held down or pressed twice, answers nothing.
          if (performance.now() - opened.current >= SETTLING_MS) onSubmit()
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
      </form>
    </dialog>
  )
}

interface ConfirmDialogProps {
  title: string
  /** What happens, in a few words: the button's. */
  verb: string
  children: ComponentChildren
  // biome-ignore lint/suspicious/noExplicitAny: it is run by the caller, who knows with what
  action: Action<any[]>
  onConfirm: () => void
  onClose: () => void
}

/** Asks again before something that cannot be taken back. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, verb, children, action, onConfirm, onClose } = props
  return (
    <Dialog title={title} onSubmit={onConfirm} onClose={onClose}>
      <p class="soft">{children}</p>
      {action.problem !== undefined && <Failure problem={action.problem} />}
      <div class="actions">
        <Button kind="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" busy={action.busy}>
          {verb}
        </Button>
      </div>
    </Dialog>
  )
}
