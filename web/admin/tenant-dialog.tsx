import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { CurrencyField, SelectField, TextField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { span } from '../lib/time.ts'
import {
  changesBetween,
  formOf,
  settingsIn,
  type Tenant,
  type TenantForm,
  tenantPath,
  type Wrong,
} from './tenant.ts'
import { TenantLimits } from './tenant-limits.tsx'

interface TenantDialogProps {
  api: Api
  /** The server's. */
  currency: string
  /** The tenant to change. Undefined: a new one. */
  tenant?: Tenant
  close: () => void
  done: (saved: Tenant) => void
}

/** Makes a tenant, or changes the settings of one. */
export function TenantDialog({ api, currency, tenant, close, done }: TenantDialogProps) {
  const [id, setId] = useState('')
  const [first] = useState(() => formOf(tenant))
  const [form, setForm] = useState(first)
  const [wrong, setWrong] = useState<Wrong>({})
  const keys = useIdempotencyKey()
  const save = useAction(async () => {
    const read = settingsIn(form)
    const problems = { ...read.wrong, ...(!tenant && id.trim() === '' && { id: 'Enter an id.' }) }
    setWrong(problems)
    if (Object.keys(problems).length > 0) return
    const changes = changesBetween(settingsIn(first).settings, read.settings)
    if (tenant) return done(await api.patch<Tenant>(tenantPath(tenant.id), changes))
    const body = { id: id.trim(), name: form.name.trim(), ...changes }
    done(await api.post<Tenant>('/platform/tenants', body, keys.for(body)))
  })
  const set = (part: Partial<TenantForm>) => {
    setWrong({})
    setForm((form) => ({ ...form, ...part }))
  }
  const props: PartProps = { form, wrong, set }
  return (
    <Dialog
      title={tenant ? `Settings of ${tenant.name}` : 'Make a tenant'}
      verb={tenant ? 'Save' : 'Make it'}
      action={save}
      onSubmit={() => void save.run()}
      onClose={close}
    >
      {!tenant && (
        <TextField
          label="Id"
          hint="tokens name it; it stays"
          value={id}
          maxLength={64}
          wrong={wrong.id}
          onInput={(text) => {
            setWrong({})
            setId(text)
          }}
        />
      )}
      <Field {...props} name="name" label="Name" maxLength={200} />
      <CurrencyField
        label="Currency"
        hint="of requests that name none"
        none="The server’s"
        value={form.currency}
        onChange={(currency) => set({ currency })}
      />
      <p class="small soft">A field that is empty is as the server has it.</p>
      <TenantLimits {...props} currency={currency} />
      <Quotas {...props} />
      <Identity {...props} tenant={tenant} />
      <Streams {...props} />
    </Dialog>
  )
}

/** What the parts of the form get. */
export interface PartProps {
  form: TenantForm
  wrong: Wrong
  set: (part: Partial<TenantForm>) => void
}

type TextName = {
  [Name in keyof TenantForm]: TenantForm[Name] extends readonly unknown[] ? never : Name
}[keyof TenantForm]

interface FieldProps extends PartProps {
  name: TextName
  label: string
  hint?: string
  rows?: number
  maxLength?: number
  placeholder?: string
}

function Field({ form, wrong, set, name, ...rest }: FieldProps) {
  return (
    <TextField
      {...rest}
      value={form[name]}
      wrong={wrong[name]}
      onInput={(text) => set({ [name]: text })}
    />
  )
}

interface FoldedProps {
  title: string
  wrong: Wrong
  /** The beginnings of the names of its fields. */
  names: readonly string[]
  children: ComponentChildren
}

/** A part of the form that is folded until one opens it, or something in it is wrong. */
export function Part({ title, wrong, names, children }: FoldedProps) {
  const details = useRef<HTMLDetailsElement>(null)
  const isWrong = Object.keys(wrong).some((name) => names.some((start) => name.startsWith(start)))
  useEffect(() => {
    if (isWrong && details.current) details.current.open = true
  }, [isWrong])
  return (
    <details ref={details}>
      <summary>{title}</summary>
      <div class="stack">{children}</div>
    </details>
  )
}

const QUOTAS = ['reads', 'writes', 'handshakes', 'maxConnections', 'maxWebhooks']
const TOKENS = ['secret', 'jwksUrl']
const STREAMS = ['maxRate', 'defaultMaxRate', 'eventRetentionSeconds']

function Quotas(props: PartProps) {
  return (
    <Part title="Quotas of all its users and services together" {...props} names={QUOTAS}>
      <Field {...props} name="reads" label="Reads" hint="a minute" />
      <Field {...props} name="writes" label="Writes" hint="a minute" />
      <Field {...props} name="handshakes" label="New connections" hint="a minute" />
      <Field {...props} name="maxConnections" label="Open streams" />
      <Field {...props} name="maxWebhooks" label="Webhooks" />
    </Part>
  )
}

function Identity({ tenant, ...props }: PartProps & { tenant: Tenant | undefined }) {
  const { form, set } = props
  const kind = tenant?.identity?.kind
  return (
    <Part title="Tokens and origins" {...props} names={TOKENS}>
      <SelectField
        label="Keys of its tokens"
        options={[
          ...(kind
            ? ([
                ['keep', kind === 'secret' ? 'Its secret, as now' : 'Its key set, as now'],
              ] as const)
            : []),
          ['server', 'Those of the server'],
          ['secret', 'A secret of its own (HS256)'],
          ['jwks', 'A key set of its own (JWKS)'],
        ]}
        value={form.keys}
        onChange={(keys) => set({ keys: keys as TenantForm['keys'] })}
      />
      {form.keys === 'secret' && (
        <Field {...props} name="secret" label="Secret" hint="no answer shows it" maxLength={1000} />
      )}
      {form.keys === 'jwks' && (
        <Field
          {...props}
          name="jwksUrl"
          label="URL of the key set"
          placeholder="https://id.example.com/keys"
          maxLength={2000}
        />
      )}
      {(form.keys === 'secret' || form.keys === 'jwks') && (
        <>
          <Field {...props} name="issuer" label="Issuer" hint="optional" maxLength={500} />
          <Field {...props} name="audience" label="Audience" hint="optional" maxLength={500} />
        </>
      )}
      <Field
        {...props}
        name="origins"
        label="Origins of its pages"
        hint="one a line, such as https://app.example.com"
        rows={2}
      />
    </Part>
  )
}

function Streams(props: PartProps) {
  const seconds = Number(props.form.eventRetentionSeconds)
  return (
    <Part title="Streams and history" {...props} names={STREAMS}>
      <Field {...props} name="maxRate" label="Most balance frames a second" hint="of a stream" />
      <Field
        {...props}
        name="defaultMaxRate"
        label="Balance frames a second"
        hint="of a stream that asks for no rate"
      />
      <Field
        {...props}
        name="eventRetentionSeconds"
        label="Events are kept"
        hint={seconds > 0 ? `seconds: ${span(seconds)}` : 'seconds'}
      />
    </Part>
  )
}
