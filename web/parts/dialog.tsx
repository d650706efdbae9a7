import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { SETTLING } from './settling.ts'

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
          if (performance.now() - opened.current >= SETTLING) onSubmit()
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
      </form>
    </dialog>
  )
}
