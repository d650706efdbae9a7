import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Failure } from '../components/states.tsx'
import { useId } from '../hooks/use-id.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import type { SessionKeeper } from '../lib/session.ts'
import { ago } from '../lib/time.ts'
import { PushSettings } from './push-settings.tsx'
import { type Push, usePush } from './use-push.ts'

interface PushCardProps {
  api: Api
  session: SessionKeeper
  /** The user's currencies. */
  currencies: readonly string[]
  /** If false, it only does its work in the background. */
  shown: boolean
}

/** Whether and how the user is notified while no page is open. */
export function PushCard({ api, session, currencies, shown }: PushCardProps) {
  const push = usePush(api, session)
  const id = useId()
  const { push: text } = words()
  const { value, problem, reload } = push.state
  if (!shown) return null
  return (
    <section class="card push" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
        {push.device && <span class="chip gain">{text.isOn}</span>}
      </div>
      {problem !== undefined && !value && <Failure problem={problem} retry={reload} aside />}
      {value && <ThisDevice push={push} configured={value.publicKey !== null} />}
      {value && value.items.length > 0 && (
        <>
          <PushSettings
            key={JSON.stringify([value.rules, value.quietHours])}
            state={value}
            currencies={currencies}
            save={push.save}
          />
          <Devices push={push} />
        </>
      )}
    </section>
  )
}

function ThisDevice({ push, configured }: { push: Push; configured: boolean }) {
  const { push: text } = words()
  const { device, turnOn, turnOff, setFigures } = push
  // Shown at once, and taken back if the server does not take it.
  const [wanted, setWanted] = useState<boolean>()
  const failure = turnOn.problem ?? turnOff.problem ?? setFigures.problem
  if (!configured) return <p class="soft">{text.notConfigured}</p>
  if (push.obstacle) return <p class="soft">{text[push.obstacle]}</p>
  if (push.denied) return <p class="notice wait">{text.denied}</p>
  return (
    <div class="stack">
      <div class="push-switch">
        <p class="soft">{text.lead}</p>
        {device ? (
          <Button kind="quiet" busy={turnOff.busy} onClick={() => void turnOff.run()}>
            {text.turnOff}
          </Button>
        ) : (
          <Button busy={turnOn.busy} onClick={() => void turnOn.run()}>
            {text.turnOn}
          </Button>
        )}
      </div>
      {device && (
        <label class="choice-line">
          <input
            type="checkbox"
            checked={wanted ?? device.figures}
            onChange={(event) => {
              const { checked } = event.currentTarget
              setWanted(checked)
              void setFigures.run(checked).then((done) => done || setWanted(undefined))
            }}
          />{' '}
          {text.figures}
        </label>
      )}
      {failure !== undefined && <Failure problem={failure} />}
    </div>
  )
}

function Devices({ push }: { push: Push }) {
  const { push: text } = words()
  const id = useId()
  const { state, device: own, removeDevice } = push
  return (
    <div class="stack">
      <h3 id={id}>{text.devices}</h3>
      {removeDevice.problem !== undefined && <Failure problem={removeDevice.problem} />}
      <ul class="waiting" aria-labelledby={id}>
        {state.value?.items.map(({ id, label, createdAt }) => (
          <li key={id}>
            <div>
              <strong class="breakable">{label ?? '–'}</strong>{' '}
              {id === own?.id && <span class="chip">{text.thisDevice}</span>}
              <div class="small soft">{text.since(ago(createdAt))}</div>
            </div>
            <Button
              kind="quiet compact"
              busy={removeDevice.busy}
              label={text.removeDevice(label ?? '–')}
              onClick={() => void removeDevice.run(id)}
            >
              {text.remove}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  )
}
