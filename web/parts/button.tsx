import type { ComponentChildren } from 'preact'

interface ButtonProps {
  children: ComponentChildren
  /** Shows that it is under way, and takes no second click. It stays where the focus is. */
  busy?: boolean
  /** There is nothing to do now. */
  idle?: boolean
  kind?: string
  type?: 'button' | 'submit'
  label?: string
  onClick?: () => void
}

export function Button({
  children,
  busy = false,
  idle = false,
  kind = '',
  type = 'button',
  label,
  onClick,
}: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${kind}`}
      aria-disabled={busy || idle}
      aria-label={label}
      onClick={(event) => {
        if (busy || idle) event.preventDefault()
        else onClick?.()
      }}
    >
      {busy && <span class="spinner" aria-hidden="true" />}
      {children}
    </button>
  )
}
