import { useState } from 'preact/hooks'
import type { ApiKey } from '../../src/auth/api-key.ts'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Empty } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import type { Api } from '../lib/api.ts'
import { ago, fullTime, shortTime } from '../lib/time.ts'
import { hrefOf, useQueryState } from './address.ts'
import { ChoiceFilter, Filters, SearchFilter } from './filters.tsx'
import { KeyDialog } from './key-dialog.tsx'
import { PagedList, usePage } from './paged-list.tsx'
import { RotateDialog } from './rotate-dialog.tsx'
import type { ScreenProps } from './screens.ts'
import { Secret } from './secret.tsx'

const OWN = { of: '', tenant: '', page: [] as readonly string[] }

export type ListedKey = Omit<ApiKey, 'kind'>

/** The API keys of an admin's own tenant, or for an operator of all tenants. */
export function Keys({ api, roles }: ScreenProps) {
  const [{ page: starts, of, tenant }, change] = useQueryState(OWN)
  const [isAdmin, isOperator] = [roles.includes('admin'), roles.includes('operator')]
  const ofAll = isOperator && (!isAdmin || of === 'all' || tenant !== '')
  const path = ofAll ? '/platform/keys' : '/admin/keys'
  const page = usePage<ListedKey>(api, path, ofAll ? { tenant } : {}, starts)
  const [asking, setAsking] = useState<
    { to: 'make' } | { to: 'rotate' | 'revoke'; key: ListedKey }
  >()
  const [secret, setSecret] = useState<string>()
  const close = () => setAsking(undefined)
  const made = ({ key }: { key: string | null }) => {
    close()
    setSecret(key ?? undefined)
    page.reload()
  }
  return (
    <>
      <div class="title-row">
        <div>
          <h1>API keys</h1>
          <p class="soft">A service sends one where others send a token.</p>
        </div>
        <Button kind="compact" onClick={() => setAsking({ to: 'make' })}>
          Make a key
        </Button>
      </div>
      {secret && (
        <Secret secret={secret} forget={() => setSecret(undefined)}>
          Your service sends it as <code>Authorization: Bearer</code>. Only its hash is stored.
        </Secret>
      )}
      <PagedList
        label="API keys"
        page={page}
        starts={starts}
        turn={(page) => change({ page })}
        reading="Reading the keys"
        empty={<Empty title="No keys yet">A key lets a service in without a sign-in.</Empty>}
        filters={
          isOperator && (
            <Filters label="Filter the keys">
              {isAdmin && (
                <ChoiceFilter
                  label="Whose"
                  all="My tenant’s"
                  value={ofAll ? 'all' : ''}
                  options={[['all', 'All tenants’']]}
                  change={(of) => change({ of, tenant: '', page: [] }, 'replace')}
                />
              )}
              {ofAll && (
                <SearchFilter
                  label="Tenant (the whole id)"
                  value={tenant}
                  change={(tenant) => change({ of: 'all', tenant, page: [] }, 'replace')}
                />
              )}
            </Filters>
          )
        }
      >
        {(items) => (
          <Rows items={items} tenants={ofAll} ask={(to, key) => setAsking({ to, key })} />
        )}
      </PagedList>
      {asking?.to === 'make' && (
        <KeyDialog
          api={api}
          path={path}
          tenant={ofAll ? tenant : undefined}
          mayGive={isOperator ? ['service', 'admin'] : giveable(roles)}
          close={close}
          done={made}
        />
      )}
      {asking?.to === 'rotate' && (
        <RotateDialog
          api={api}
          path={`${path}/${asking.key.id}/rotate`}
          title={`Replace the key of ${asking.key.name}?`}
          label="The key of now works too"
          close={close}
          done={made}
        >
          Streams that the key before opened end when it does.
        </RotateDialog>
      )}
      {asking?.to === 'revoke' && (
        <RevokeDialog
          api={api}
          path={`${path}/${asking.key.id}`}
          name={asking.key.name}
          close={close}
          done={() => {
            close()
            page.reload()
          }}
        />
      )}
    </>
  )
}

/** An admin who is no service makes no key for one: a service needs no second admin. */
const giveable = (roles: ScreenProps['roles']) =>
  (['service', 'admin'] as const).filter((role) => roles.includes(role))

interface RowsProps {
  items: readonly ListedKey[]
  /** Each row names its tenant. */
  tenants: boolean
  ask: (to: 'rotate' | 'revoke', key: ListedKey) => void
}

function Rows({ items, tenants, ask }: RowsProps) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">Last used</th>
          <th scope="col">Key</th>
          <th scope="col">State</th>
          <th scope="col">
            <span class="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((key) => {
          const state = stateOf(key)
          return (
            <tr key={key.id}>
              <td class="when-cell soft small">
                {key.lastUsedAt ? (
                  <time dateTime={key.lastUsedAt} title={fullTime(key.lastUsedAt)}>
                    {ago(key.lastUsedAt)}
                  </time>
                ) : (
                  'Never'
                )}
              </td>
              <td class="lead-cell breakable">
                <span class="what">{key.name}</span>
                <span class="note">
                  <code>{key.prefix}…</code> · {key.roles.join(' and ')}
                  {tenants && (
                    <>
                      {' · '}
                      <a href={hrefOf('tenants', key.tenant)}>{key.tenant}</a>
                    </>
                  )}
                </span>
                <span class="note">
                  {key.scopes ? key.scopes.join(', ') : 'everything that its roles allow'}
                </span>
                <span class="note">
                  acts as <bdi>{key.userId}</bdi>, made {shortTime(key.createdAt)} by{' '}
                  <bdi>{key.createdBy}</bdi>
                </span>
                {key.previousUntil && (
                  <span class="note">
                    The key before works until {shortTime(key.previousUntil)}
                  </span>
                )}
              </td>
              <td class="status-cell">
                <span class={`chip ${state === 'Works' ? 'gain' : 'loss'}`}>{state}</span>
                {key.expiresAt && (
                  <span class="note">
                    <time dateTime={key.expiresAt} title={fullTime(key.expiresAt)}>
                      {state === 'Expired' ? 'since' : 'until'} {shortTime(key.expiresAt)}
                    </time>
                  </span>
                )}
              </td>
              <td class="right row-actions">
                {state === 'Works' && (
                  <span class="actions">
                    <Button
                      kind="quiet compact"
                      label={`Rotate ${key.name}`}
                      onClick={() => ask('rotate', key)}
                    >
                      Rotate
                    </Button>
                    <Button
                      kind="danger compact"
                      label={`Revoke ${key.name}`}
                      onClick={() => ask('revoke', key)}
                    >
                      Revoke
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function stateOf({ revokedAt, expiresAt }: ListedKey): 'Works' | 'Revoked' | 'Expired' {
  if (revokedAt) return 'Revoked'
  return expiresAt && Date.parse(expiresAt) <= Date.now() ? 'Expired' : 'Works'
}

interface RevokeDialogProps {
  api: Api
  path: string
  name: string
  close: () => void
  done: () => void
}

function RevokeDialog({ api, path, name, close, done }: RevokeDialogProps) {
  const action = useAction(() => api.delete(path))
  return (
    <ConfirmDialog
      title={`Revoke the key of ${name}?`}
      verb="Revoke"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      Its requests are refused at once, and its streams end. A revoked key never works again.
    </ConfirmDialog>
  )
}
