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
  /** What a click acts on. When it changes, the button takes no click for a moment. */
  about?: string
  onClick?: () => void
}

export function Button({
  children,
  busy = false,
  idle = false,
  kind = '',
  type = 'button',
  label,
  about,
  onClick,
}: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${kind}`}
      aria-disabled={busy || idle}
      aria-label={label}
      data-about={about}
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
