import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Empty } from '../components/states.tsx'
import { fullTime, shortTime } from '../lib/time.ts'
import { address, hrefOf, useQueryState } from './address.ts'
import { ChoiceFilter, Filters, SearchFilter } from './filters.tsx'
import { PagedList, usePage } from './paged-list.tsx'
import type { ScreenProps } from './screens.ts'
import type { Tenant } from './tenant.ts'
import { TenantDialog } from './tenant-dialog.tsx'

const ALL = { search: '', suspended: '', page: [] as readonly string[] }

/** All tenants of the platform, for operators. */
export function Tenants({ api, currency }: ScreenProps) {
  const [{ page: starts, ...filter }, change] = useQueryState(ALL)
  const [adding, setAdding] = useState(false)
  const page = usePage<Tenant>(api, '/platform/tenants', filter, starts)
  const narrow = (part: Partial<typeof filter>) => change({ ...part, page: [] }, 'replace')
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Tenants</h1>
          <p class="soft">Each is a world of its own: users, money, admins and settings.</p>
        </div>
        <Button kind="compact" onClick={() => setAdding(true)}>
          Make a tenant
        </Button>
      </div>
      <PagedList
        label="Tenants"
        page={page}
        starts={starts}
        turn={(page) => change({ page })}
        reading="Reading the tenants"
        back="Back"
        forward="More"
        empty={
          <Empty title="No tenant found">
            {filter.search ? 'No id and no name contains this text.' : 'Try another filter.'}
          </Empty>
        }
        filters={
          <Filters label="Filter the tenants">
            <SearchFilter
              label="Id or name"
              value={filter.search}
              change={(search) => narrow({ search })}
            />
            <ChoiceFilter
              label="State"
              value={filter.suspended}
              options={[
                ['false', 'Active'],
                ['true', 'Suspended'],
              ]}
              change={(suspended) => narrow({ suspended })}
            />
          </Filters>
        }
      >
        {(items) => (
          <table class="table folds">
            <thead>
              <tr>
                <th scope="col">Made</th>
                <th scope="col">Tenant</th>
                <th scope="col">State</th>
                <th scope="col" class="right">
                  Currency
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((tenant) => (
                <tr key={tenant.id}>
                  <td class="when-cell soft small">
                    <time dateTime={tenant.createdAt} title={fullTime(tenant.createdAt)}>
                      {shortTime(tenant.createdAt)}
                    </time>
                  </td>
                  <td class="lead-cell breakable">
                    <a class="pick" href={hrefOf('tenants', tenant.id)}>
                      <bdi>{tenant.name}</bdi>
                    </a>
                    <span class="note">{tenant.id}</span>
                  </td>
                  <td class="status-cell">
                    <StateChip {...tenant} />
                  </td>
                  <td class="right amount-cell">
                    {tenant.currency ?? `${currency} (the server’s)`}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </PagedList>
      {adding && (
        <TenantDialog
          api={api}
          currency={currency}
          close={() => setAdding(false)}
          done={({ id }) => address.go(hrefOf('tenants', id))}
        />
      )}
    </>
  )
}

export function StateChip({ suspended }: Pick<Tenant, 'suspended'>) {
  return (
    <span class={`chip ${suspended ? 'loss' : 'gain'}`}>{suspended ? 'Suspended' : 'Active'}</span>
  )
}
