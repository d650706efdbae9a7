import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { SelectField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'

const OVERLAPS = [
  ['86400', 'For one day'],
  ['3600', 'For one hour'],
  ['604800', 'For seven days'],
  ['0', 'No: it may be known to others'],
] as const

interface RotateDialogProps<T> {
  api: Api
  path: string
  title: string
  /** Of the choice of how long the one before works. */
  label: string
  children: ComponentChildren
  close: () => void
  done: (answer: T) => void
}

/** Makes a new secret. The one before works for a while, so that nothing stops. */
export function RotateDialog<T>(props: RotateDialogProps<T>) {
  const { api, path, title, label, children, close, done } = props
  const [overlap, setOverlap] = useState<string>('86400')
  const key = useIdempotencyKey()
  const rotate = useAction(async () => {
    const body = { overlapSeconds: Number(overlap) }
    done(await api.post<T>(path, body, key.for(body)))
  })
  return (
    <Dialog
      title={title}
      verb="Make it"
      action={rotate}
      onSubmit={() => void rotate.run()}
      onClose={close}
    >
      <p class="soft">{children}</p>
      <SelectField label={label} options={OVERLAPS} value={overlap} onChange={setOverlap} />
    </Dialog>
  )
}
