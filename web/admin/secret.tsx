import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'

interface SecretProps {
  secret: string
  forget: () => void
  /** What it is for. */
  children: ComponentChildren
}

/** A secret that is shown once. */
export function Secret({ secret, forget, children }: SecretProps) {
  const [copied, setCopied] = useState(false)
  const text = useRef<HTMLElement>(null)
  const copy = () => {
    if (text.current) getSelection()?.selectAllChildren(text.current)
    // The newer interface is missing on plain http.
    setCopied(document.execCommand('copy'))
  }
  return (
    <section class="notice wait" aria-label="Secret">
      <strong>Keep this secret now: it is not shown again</strong>
      <span class="small">{children}</span>
      <code class="secret breakable" ref={text}>
        {secret}
      </code>
      <div class="actions">
        <Button kind="quiet compact" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </Button>
        <Button kind="quiet compact" onClick={forget}>
          I have kept it
        </Button>
      </div>
    </section>
  )
}
