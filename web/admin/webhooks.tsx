import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import type { PageProps } from '../components/start.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { usePolled } from '../hooks/use-polled.ts'
import { useRefresh } from '../hooks/use-refresh.ts'
import { span } from '../lib/time.ts'
import { hrefOf } from './address.ts'
import { pauseWhile, useAdminStream } from './feed.ts'
import type { ScreenProps } from './screens.ts'
import { Secret } from './secret.tsx'
import { type ListedWebhook, stateOf } from './webhook.ts'
import { DeliveryList } from './webhook-deliveries.tsx'
import { WebhookDialog } from './webhook-dialog.tsx'
import { WebhookPage } from './webhook-page.tsx'

/** While the stream is not live. */
const POLL_INTERVAL_MS = 2_000
const STREAM = { events: 'webhook_changed' }

/** Where the tenant's events are sent: all webhooks, or one. */
export function Webhooks(props: ScreenProps) {
  const { api, session } = props
  const { id } = props.params
  const { versions, mark } = useRefresh<'list' | 'deliveries'>()
  const { live } = useAdminStream(session, STREAM, () => mark('list', 'deliveries'))
  const intervalMs = pauseWhile(live, POLL_INTERVAL_MS)
  const list = usePolled(
    (signal) => api.get<{ items: ListedWebhook[] }>('/admin/webhooks', {}, signal),
    [api],
    intervalMs,
    versions.list,
  )
  const items = list.value?.items
  const chosen = items?.find((webhook) => webhook.id === id)

  return (
    <div class="stack">
      {list.problem !== undefined && <Failure problem={list.problem} retry={list.reload} />}
      {!items && list.loading && <Loading what="Reading the webhooks" />}
      {items && id === undefined && <List {...props} items={items} reload={list.reload} />}
      {chosen && (
        <WebhookPage key={id} {...props} webhook={chosen} reload={list.reload}>
          <DeliveryList {...{ api, intervalMs }} id={chosen.id} version={versions.deliveries} />
        </WebhookPage>
      )}
      {items && id !== undefined && !chosen && (
        <div class="card">
          <Empty title="There is no such webhook">
            It may have been deleted. <a href={hrefOf('webhooks')}>All webhooks</a>
          </Empty>
        </div>
      )}
    </div>
  )
}

interface ListProps extends PageProps {
  items: ListedWebhook[]
  reload: () => void
}

function List({ api, items, reload }: ListProps) {
  const [adding, setAdding] = useState(false)
  const [secret, setSecret] = useState<string>()
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Webhooks</h1>
          <p class="soft">Each sends the events of users to a program of yours, in order.</p>
        </div>
        <div class="actions">
          <Button onClick={() => setAdding(true)}>Add webhook</Button>
        </div>
      </div>
      {secret && (
        <Secret secret={secret} forget={() => setSecret(undefined)}>
          Your program verifies the signature of each delivery with it.
        </Secret>
      )}
      {items.length === 0 && (
        <div class="card">
          <Empty title="No webhooks yet">
            A webhook tells your backend what happened, signed and in order.
          </Empty>
        </div>
      )}
      <ul class="stack" aria-label="Webhooks">
        {items.map((webhook) => (
          <Row key={webhook.id} {...webhook} />
        ))}
      </ul>
      {adding && (
        <WebhookDialog
          api={api}
          close={() => setAdding(false)}
          done={({ secret }) => {
            setAdding(false)
            setSecret(secret ?? undefined)
            reload()
          }}
        />
      )}
    </>
  )
}

function Row(webhook: ListedWebhook) {
  const { id, url, description, lagSeconds } = webhook
  const [tone, text] = stateOf(webhook)
  return (
    <li class="card row">
      <div>
        <a class="pick breakable" href={hrefOf('webhooks', id)}>
          {url}
        </a>
        {description && <p class="small soft breakable">{description}</p>}
      </div>
      <span class="side">
        {lagSeconds >= 1 && <span class="small soft">{span(lagSeconds)} behind</span>}
        <span class={`chip ${tone}`}>{text}</span>
      </span>
    </li>
  )
}
