import { useState } from 'preact/hooks'
import type { WebhookEndpoint } from '../../src/deliveries/webhook.ts'
import { Dialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { EVENT_NAMES, webhookPath } from './webhook.ts'

interface WebhookDialogProps {
  api: Api
  /** The webhook to change. Undefined: a new one. */
  webhook?: WebhookEndpoint
  close: () => void
  /** Only a new webhook has a secret. */
  done: (saved: { secret?: string | null }) => void
}

/** Adds a webhook, or changes one. */
export function WebhookDialog({ api, webhook, close, done }: WebhookDialogProps) {
  const [url, setUrl] = useState(webhook?.url ?? '')
  const [description, setDescription] = useState(webhook?.description ?? '')
  const [users, setUsers] = useState(webhook?.userIds?.join('\n') ?? '')
  const [events, setEvents] = useState(webhook?.events ?? null)
  const [wrong, setWrong] = useState<string>()
  const key = useIdempotencyKey()
  const save = useAction(async () => {
    const problem = whyNotUrl(url)
    setWrong(problem)
    if (problem) return
    const userIds = users.split(/\s+/).filter(Boolean)
    const body = {
      url: url.trim(),
      description: description.trim() || null,
      userIds: userIds.length > 0 ? userIds : null,
      events,
    }
    if (webhook) done(await api.patch(webhookPath(webhook.id), body))
    else done(await api.post('/admin/webhooks', body, key.for(body)))
  })

  return (
    <Dialog
      title={webhook ? 'Change the webhook' : 'Add a webhook'}
      verb={webhook ? 'Save' : 'Add'}
      action={save}
      onSubmit={() => void save.run()}
      onClose={close}
    >
      <TextField
        label="URL"
        placeholder="https://shop.example.com/hooks/balance"
        value={url}
        maxLength={2000}
        wrong={wrong}
        onInput={(value) => {
          setUrl(value)
          setWrong(undefined)
        }}
      />
      <TextField
        label="Description"
        hint="optional"
        value={description}
        maxLength={500}
        onInput={setDescription}
      />
      <TextField
        label="Users"
        hint="one id a line; empty: everyone"
        rows={2}
        value={users}
        onInput={setUsers}
      />
      <EventChoice events={events} change={setEvents} />
    </Dialog>
  )
}

interface EventChoiceProps {
  /** Null: all, also those of later versions. */
  events: string[] | null
  change: (events: string[] | null) => void
}

function EventChoice({ events, change }: EventChoiceProps) {
  const names = Object.entries(EVENT_NAMES)
  const toggle = (name: string) => {
    const chosen = events?.includes(name)
      ? events.filter((other) => other !== name)
      : [...(events ?? []), name]
    change(chosen.length > 0 ? chosen : null)
  }
  return (
    <fieldset class="field choices">
      <legend class="label">Events</legend>
      <label>
        <input type="checkbox" checked={events === null} onChange={() => change(null)} /> All events
      </label>
      {names.map(([name, text]) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={events?.includes(name) ?? false}
            onChange={() => toggle(name)}
          />{' '}
          <span>
            {text} <code class="soft">{name}</code>
          </span>
        </label>
      ))}
    </fieldset>
  )
}

function whyNotUrl(text: string): string | undefined {
  if (text.trim() === '') return 'Enter the URL that takes the events.'
  return URL.canParse(text.trim()) ? undefined : 'Enter a whole URL that begins with https://'
}
