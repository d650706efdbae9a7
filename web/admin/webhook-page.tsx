import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Figure } from '../components/figure.tsx'
import type { PageProps } from '../components/start.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { fullTime, shortTime, span } from '../lib/time.ts'
import { address, hrefOf } from './address.ts'
import { RotateDialog } from './rotate-dialog.tsx'
import { Secret } from './secret.tsx'
import { EVENT_NAMES, type ListedWebhook, stateOf, webhookPath } from './webhook.ts'
import { WebhookDialog } from './webhook-dialog.tsx'

interface WebhookProps extends PageProps {
  webhook: ListedWebhook
  reload: () => void
  /** Its deliveries. */
  children: ComponentChildren
}

interface TestResult {
  delivered: boolean
  status: number | null
  error: string | null
  durationMs: number
  body: string
}

/** One webhook: its settings, what an admin can do with it, and its deliveries. */
export function WebhookPage({ api, webhook, reload, children }: WebhookProps) {
  const { id, url, description, paused, previousSecretUntil, lagSeconds, waitingUsers } = webhook
  const [asking, setAsking] = useState<'change' | 'rotate' | 'delete'>()
  const [secret, setSecret] = useState<string>()
  const [tested, setTested] = useState<TestResult>()
  const test = useAction(async () => {
    setTested(undefined)
    setTested(await api.post<TestResult>(webhookPath(id, 'test'), {}))
  })
  const pause = useAction(async () => {
    await api.patch(webhookPath(id), { paused: !paused })
    reload()
  })
  const remove = useAction(async () => {
    await api.delete(webhookPath(id))
    address.go(hrefOf('webhooks'))
    reload()
  })
  const [tone, text] = stateOf(webhook)
  const problem = test.problem ?? pause.problem
  const close = () => setAsking(undefined)
  const changed = () => {
    close()
    reload()
  }

  return (
    <>
      <div>
        <a class="small" href={hrefOf('webhooks')}>
          All webhooks
        </a>
        <h1 class="breakable">{url}</h1>
        {description && <p class="soft breakable">{description}</p>}
      </div>
      {secret && (
        <Secret secret={secret} forget={() => setSecret(undefined)}>
          Your program verifies the signature of each delivery with it.
        </Secret>
      )}
      <section class="card" aria-label="State">
        <div class="card-head">
          <dl class="figures">
            <Figure name="Users with waiting events" value={String(waitingUsers)} />
            <Figure
              name="Oldest waits for"
              value={lagSeconds >= 1 ? span(lagSeconds) : 'nothing'}
            />
          </dl>
          <span class={`chip ${tone}`}>{text}</span>
        </div>
        <Settings {...webhook} />
        {previousSecretUntil && (
          <p class="small soft">
            Until{' '}
            <time dateTime={previousSecretUntil} title={fullTime(previousSecretUntil)}>
              {shortTime(previousSecretUntil)}
            </time>{' '}
            deliveries are signed with the secret before, too.
          </p>
        )}
        <div class="card-foot">
          <div class="actions">
            <Button busy={test.busy} onClick={() => void test.run()}>
              Send a test
            </Button>
            <Button
              kind="quiet"
              busy={pause.busy}
              about={String(paused)}
              onClick={() => void pause.run()}
            >
              {paused ? 'Resume' : 'Pause'}
            </Button>
            <Button kind="quiet" onClick={() => setAsking('change')}>
              Change
            </Button>
            <Button kind="quiet" onClick={() => setAsking('rotate')}>
              New secret
            </Button>
            <Button kind="danger" onClick={() => setAsking('delete')}>
              Delete
            </Button>
          </div>
        </div>
      </section>
      {problem !== undefined && <Failure problem={problem} />}
      <div role="status">{tested && <Verdict {...tested} />}</div>
      {children}
      {asking === 'change' && (
        <WebhookDialog api={api} webhook={webhook} close={close} done={changed} />
      )}
      {asking === 'rotate' && (
        <RotateDialog<{ secret: string | null }>
          api={api}
          path={webhookPath(id, 'rotate')}
          title="Make a new secret?"
          label="The secret of now signs too"
          close={close}
          done={({ secret }) => {
            setSecret(secret ?? undefined)
            changed()
          }}
        >
          Give it to your program while both secrets are in use.
        </RotateDialog>
      )}
      {asking === 'delete' && (
        <ConfirmDialog
          title="Delete this webhook?"
          verb="Delete"
          action={remove}
          onSubmit={() => void remove.run()}
          onClose={close}
        >
          Nothing more is sent to {url}. Its list of deliveries is deleted, too.
        </ConfirmDialog>
      )}
    </>
  )
}

function Settings({ events, userIds }: ListedWebhook) {
  return (
    <dl class="settings">
      <dt>Events</dt>
      <dd>
        {events
          ? events.map((name) => EVENT_NAMES[name as keyof typeof EVENT_NAMES] ?? name).join('; ')
          : 'All'}
      </dd>
      <dt>Users</dt>
      <dd class="breakable">{userIds ? userIds.join(', ') : 'Everyone'}</dd>
    </dl>
  )
}

function Verdict({ delivered, status, error, durationMs, body }: TestResult) {
  return (
    <div class={`notice ${delivered ? 'gain' : 'loss'}`}>
      <strong>
        {delivered
          ? `The receiver took the test: ${status} after ${durationMs} ms`
          : `The receiver did not take the test: ${error}`}
      </strong>
      {body && <code class="breakable">{body}</code>}
    </div>
  )
}
