import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog, Dialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { Problem } from '../lib/problem.ts'
import { fullTime, shortTime, span } from '../lib/time.ts'
import { typeName } from '../lib/transaction.ts'
import { actAs } from './acting.tsx'
import { address, hrefOf } from './address.ts'
import type { ScreenProps } from './screens.ts'
import { type Tenant, type TenantLimit, tenantPath } from './tenant.ts'
import { TenantDialog } from './tenant-dialog.tsx'
import { TenantUsage } from './tenant-usage.tsx'
import { StateChip } from './tenants.tsx'

/** One tenant: its state, its settings, what it uses, and the way into it. */
export function TenantScreen({ api, session, currency, params: { id = '' } }: ScreenProps) {
  const tenant = useLoaded((signal) => api.get<Tenant>(tenantPath(id), {}, signal), [api, id])
  const { value, problem } = tenant
  const nobody = problem instanceof Problem && [400, 404].includes(problem.status)
  const [asking, setAsking] = useState<'change' | 'suspend' | 'resume'>()
  const enter = useAction(async () => {
    const own = session.getSnapshot()
    if (!value || !own) return
    await actAs(value, own, session)
    address.go('/admin')
  })
  const dialog = {
    api,
    close: () => setAsking(undefined),
    done() {
      setAsking(undefined)
      tenant.reload()
    },
  }
  return (
    <div class="stack">
      <div>
        <a class="small" href={hrefOf('tenants')}>
          All tenants
        </a>
        <h1 class="breakable">
          <bdi>{value?.name ?? id}</bdi>
        </h1>
        <p class="soft">
          <code class="breakable">{id}</code>
        </p>
      </div>
      {nobody && (
        <div class="card">
          <Empty title="There is no such tenant">
            Nobody has made a tenant with this id. <a href={hrefOf('tenants')}>All tenants</a>
          </Empty>
        </div>
      )}
      {problem !== undefined && !nobody && <Failure problem={problem} retry={tenant.reload} />}
      {!value && tenant.loading && (
        <section class="card">
          <Loading what="Reading the tenant" />
        </section>
      )}
      {value && (
        <>
          {value.suspended && <Suspended {...value} />}
          <section class="card" aria-label="Settings">
            <div class="card-head">
              <h2>Settings</h2>
              <StateChip {...value} />
            </div>
            <Settings {...value} />
            <div class="card-foot">
              <div class="actions">
                <Button busy={enter.busy} onClick={() => void enter.run()}>
                  Act as its admin
                </Button>
                <Button kind="quiet" onClick={() => setAsking('change')}>
                  Change
                </Button>
                <a
                  class="button quiet"
                  href={`${hrefOf('keys')}?${new URLSearchParams({ tenant: id })}`}
                >
                  API keys
                </a>
                <Button
                  kind={value.suspended ? 'quiet' : 'danger'}
                  about={String(value.suspended)}
                  onClick={() => setAsking(value.suspended ? 'resume' : 'suspend')}
                >
                  {value.suspended ? 'Resume' : 'Suspend'}
                </Button>
              </div>
            </div>
          </section>
          {enter.problem !== undefined && <Failure problem={enter.problem} />}
          <TenantUsage api={api} id={id} />
          {asking === 'change' && <TenantDialog {...dialog} currency={currency} tenant={value} />}
          {asking === 'suspend' && <SuspendDialog {...dialog} tenant={value} />}
          {asking === 'resume' && <ResumeDialog {...dialog} tenant={value} />}
        </>
      )}
    </div>
  )
}

function Suspended({ suspendedAt, suspendedReason }: Tenant) {
  return (
    <p class="notice loss">
      <strong>
        Suspended{' '}
        {suspendedAt && (
          <time dateTime={suspendedAt} title={fullTime(suspendedAt)}>
            {shortTime(suspendedAt)}
          </time>
        )}
      </strong>
      {suspendedReason && <span class="breakable">{suspendedReason}</span>}
    </p>
  )
}

function Settings(tenant: Tenant) {
  const { limits, rateLimits, identity, allowedOrigins, eventRetentionSeconds } = tenant
  const minute = (name: 'reads' | 'writes' | 'handshakes', what: string) =>
    rateLimits?.[name] === undefined ? [] : [`${formatCount(rateLimits[name])} ${what}`]
  const rates = [
    ...minute('reads', 'reads'),
    ...minute('writes', 'writes'),
    ...minute('handshakes', 'new connections'),
  ]
  const count = (value: number | null, without: string) =>
    value === null ? without : formatCount(value)
  const facts: [string, string | readonly string[]][] = [
    ['Currency', tenant.currency ?? 'The server’s'],
    ['Spending limits', limits?.map(nameOf) ?? 'None'],
    ['Requests a minute', rates.length > 0 ? rates : 'No quota'],
    ['Open streams', count(tenant.maxConnections, 'No quota')],
    ['Webhooks', count(tenant.maxWebhooks, 'At most 50')],
    ['Tokens', identity ? tokensOf(identity) : 'Keys of the server'],
    ['Origins', allowedOrigins ?? 'Those of the server'],
    [
      'Events are kept',
      eventRetentionSeconds === null ? 'As the server does' : span(eventRetentionSeconds),
    ],
    ['Balance frames a second', count(tenant.defaultMaxRate, 'As the server does')],
    ['At most', count(tenant.maxRate, 'As the server does')],
  ]
  return (
    <dl class="settings">
      {facts.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd class="breakable">
            {typeof value === 'string' ? value : value.map((each) => <div key={each}>{each}</div>)}
          </dd>
        </>
      ))}
      <dt>Made</dt>
      <dd class="breakable">
        {fullTime(tenant.createdAt)}, by <bdi>{tenant.createdBy}</bdi>
      </dd>
    </dl>
  )
}

function nameOf({ type, currency, maxAmount, maxSum, windowSeconds }: TenantLimit): string {
  const parts = [
    ...(maxAmount === null ? [] : [`${formatMoney(maxAmount, currency)} at once`]),
    ...(maxSum === null ? [] : [`${formatMoney(maxSum, currency)} in ${span(windowSeconds ?? 0)}`]),
  ]
  return `${typeName(type)}: ${parts.join(', ')}`
}

function tokensOf({ kind, jwksUrl, issuer, audience }: NonNullable<Tenant['identity']>): string[] {
  return [
    kind === 'secret' ? 'A secret of its own (HS256)' : `Keys of ${jwksUrl}`,
    ...(issuer ? [`Issuer ${issuer}`] : []),
    ...(audience ? [`Audience ${audience}`] : []),
  ]
}

interface DialogProps {
  api: Api
  tenant: Tenant
  close: () => void
  done: () => void
}

function SuspendDialog({ api, tenant: { id, name }, close, done }: DialogProps) {
  const [reason, setReason] = useState('')
  const keys = useIdempotencyKey()
  const body = reason.trim() ? { reason: reason.trim() } : {}
  const action = useAction(() => api.post(tenantPath(id, 'suspend'), body, keys.for(body)))
  return (
    <Dialog
      title={`Suspend ${name}?`}
      verb="Suspend"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      <p class="soft">
        Every request of the tenant is refused at once, and its open streams end. Nothing is lost:
        webhooks and events wait.
      </p>
      <TextField
        label="Reason"
        hint="optional; only operators see it"
        value={reason}
        maxLength={500}
        onInput={setReason}
      />
    </Dialog>
  )
}

function ResumeDialog({ api, tenant: { id, name }, close, done }: DialogProps) {
  const action = useAction(() => api.post(tenantPath(id, 'resume'), {}))
  return (
    <ConfirmDialog
      title={`Resume ${name}?`}
      verb="Resume"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      Clients connect again, and webhooks get everything that waited.
    </ConfirmDialog>
  )
}
