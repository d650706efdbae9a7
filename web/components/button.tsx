import type { ComponentChildren } from 'preact'

interface ButtonProps {
  children: ComponentChildren
  /** The action runs: the button shows it and ignores clicks, but keeps the focus. */
  busy?: boolean
  /** The button ignores clicks, because there is nothing to do. */
  idle?: boolean
  kind?: string
  type?: 'button' | 'submit'
  label?: string
  /** The object that a click acts on. After it changes, the button ignores clicks for a moment. */
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
