import { useState } from 'preact/hooks'
import type { KeyRole } from '../../src/auth/api-key.ts'
import { SCOPES, type Scope } from '../../src/auth/scopes.ts'
import { Dialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { dayStart } from '../lib/time.ts'

interface KeyDialogProps {
  api: Api
  path: string
  /** For an operator: whose key it is, at first. Undefined: the caller's own tenant's. */
  tenant: string | undefined
  mayGive: readonly KeyRole[]
  close: () => void
  /** The key itself is in no other answer. */
  done: (made: { key: string | null }) => void
}

/** Makes an API key. */
export function KeyDialog({ api, path, mayGive, close, done, ...rest }: KeyDialogProps) {
  const [tenant, setTenant] = useState(rest.tenant)
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly KeyRole[]>(mayGive.slice(0, 1))
  const [scopes, setScopes] = useState<readonly Scope[] | null>(null)
  const [userId, setUserId] = useState('')
  const [lastDay, setLastDay] = useState('')
  const [wrong, setWrong] = useState<{ tenant?: string; name?: string }>({})
  const keys = useIdempotencyKey()
  const isAdmin = roles.includes('admin')
  const save = useAction(async () => {
    const problems = {
      ...(tenant?.trim() === '' && { tenant: 'Enter the id of the tenant.' }),
      ...(name.trim() === '' && { name: 'Enter a name.' }),
    }
    setWrong(problems)
    if (Object.keys(problems).length > 0) return
    const body = {
      ...(tenant !== undefined && { tenant: tenant.trim() }),
      ...{ name: name.trim(), roles, scopes },
      ...(!isAdmin && userId.trim() && { userId: userId.trim() }),
      ...(lastDay && { expiresAt: dayStart(lastDay, 1) }),
    }
    done(await api.post(path, body, keys.for(body)))
  })
  return (
    <Dialog
      title="Make an API key"
      verb="Make it"
      action={save}
      onSubmit={() => void save.run()}
      onClose={close}
    >
      {tenant !== undefined && (
        <TextField
          label="Tenant"
          hint="its id"
          value={tenant}
          maxLength={64}
          wrong={wrong.tenant}
          onInput={(text) => {
            setWrong({})
            setTenant(text)
          }}
        />
      )}
      <TextField
        label="Name"
        hint="of the service"
        value={name}
        maxLength={200}
        wrong={wrong.name}
        onInput={(text) => {
          setWrong({})
          setName(text)
        }}
      />
      {mayGive.length > 1 ? (
        <Choices
          label="Roles"
          options={mayGive}
          chosen={roles}
          // A key without a role could do nothing.
          choose={(chosen) => chosen.length > 0 && setRoles(chosen)}
        />
      ) : (
        <p class="small soft">Role: {mayGive.join()}. It acts in your name.</p>
      )}
      {!isAdmin && (
        <TextField
          label="Acts as"
          hint="a user id; empty: the key’s own"
          value={userId}
          maxLength={255}
          onInput={setUserId}
        />
      )}
      <Choices
        label="Scopes"
        all="Everything that its roles allow"
        options={SCOPES}
        chosen={scopes}
        choose={(chosen) => setScopes(chosen.length > 0 ? chosen : null)}
      />
      <TextField
        label="Last day"
        hint="optional; otherwise it works until it is revoked"
        type="date"
        value={lastDay}
        onInput={setLastDay}
      />
    </Dialog>
  )
}

interface ChoicesProps<T extends string> {
  label: string
  /** The text of all, which is null. */
  all?: string
  options: readonly T[]
  chosen: readonly T[] | null
  choose: (chosen: readonly T[]) => void
}

function Choices<T extends string>({ label, all, options, chosen, choose }: ChoicesProps<T>) {
  const toggle = (name: T) =>
    choose(
      chosen?.includes(name) ? chosen.filter((other) => other !== name) : [...(chosen ?? []), name],
    )
  return (
    <fieldset class="field choices">
      <legend class="label">{label}</legend>
      {all !== undefined && (
        <label>
          <input type="checkbox" checked={chosen === null} onChange={() => choose([])} /> {all}
        </label>
      )}
      {options.map((name) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={chosen?.includes(name) ?? false}
            onChange={() => toggle(name)}
          />{' '}
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  )
}
