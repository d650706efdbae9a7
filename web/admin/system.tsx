import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type {
  Check,
  InstallationState,
  SeenProcess,
  SystemState,
  TenantState,
} from '../../src/routes/state.ts'
import type { PageProps } from '../components/start.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { usePolled } from '../hooks/use-polled.ts'
import { span } from '../lib/time.ts'
import { pauseWhile, useAdminStream } from './feed.ts'

const TRANSPORTS: Record<string, string> = {
  websocket: 'WebSocket',
  'socket.io': 'Socket.IO',
  sse: 'SSE',
}

/** While the stream is not live. */
const POLL_INTERVAL_MS = 2_000
const STREAM = { events: 'system_state' }

/** The state of the system: of all server processes for an operator, of what concerns the tenant for an admin. */
export function System({ api, session }: PageProps) {
  const [told, setTold] = useState<SystemState>()
  const { live } = useAdminStream(session, STREAM, (event, data) =>
    setTold(event === 'system_state' ? (JSON.parse(data) as SystemState) : undefined),
  )
  const state = usePolled(
    (signal) => api.get<SystemState>('/admin/system', {}, signal),
    [api],
    pauseWhile(live, POLL_INTERVAL_MS),
  )
  const value = (live && told) || state.value
  return (
    <>
      <div class="title-row">
        <div>
          <h1>System</h1>
          <p class="soft">
            {value?.scope === 'installation'
              ? 'The server process that answered, the services that it uses, and all processes.'
              : 'Whether everything works for your users.'}
          </p>
        </div>
        {value && (
          <span class="small soft figure">
            Version {value.version}
            {value.scope === 'installation' && ` · up ${span(value.uptimeSeconds)}`}
          </span>
        )}
      </div>
      {state.problem !== undefined && <Failure problem={state.problem} retry={state.reload} />}
      {!value && state.loading && <Loading what="Asking the server" />}
      {value?.scope === 'tenant' && <TenantTiles {...value} />}
      {value?.scope === 'installation' && (
        <>
          <Tiles {...value} />
          <Processes {...value.cluster} />
        </>
      )}
    </>
  )
}

function TenantTiles({ connections, payments, events }: TenantState) {
  return (
    <div class="tiles">
      <Tile name="Connections" number={connections ?? '?'}>
        <p class="small soft">
          {connections === null
            ? 'Not known while the database does not answer.'
            : 'Open streams of your users and programs.'}
        </p>
      </Tile>
      <HealthTile name="Payments" {...payments} good="Available" bad="Unavailable">
        Money can move.
      </HealthTile>
      <HealthTile name="Events" {...events} good="Live" bad="Late">
        Events arrive as they happen.
      </HealthTile>
    </div>
  )
}

interface HealthTileProps extends Check {
  name: string
  good: string
  bad: string
  /** Where all is well. */
  children: string
}

function HealthTile({ name, ok, reason, good, bad, children }: HealthTileProps) {
  return (
    <Tile name={name} health={ok} number={ok ? good : bad}>
      <p class="small soft">{ok ? children : reason}</p>
    </Tile>
  )
}

function Tiles({
  connections,
  users,
  events,
  outbox,
  postgres,
  redis,
  stream,
  ...rest
}: InstallationState) {
  const open = Object.values(connections).reduce((sum, count) => sum + count, 0)
  return (
    <div class="tiles">
      <Tile name="Connections" number={open}>
        <dl>
          {Object.entries(connections).map(([transport, count]) => (
            <Pair key={transport} name={TRANSPORTS[transport] ?? transport} value={count} />
          ))}
          <Pair name="Users" value={users} />
        </dl>
      </Tile>
      <Tile name="Events per second" number={Number(events.perSecond).toFixed(1)}>
        <Bars counts={events.recent} />
        <dl>
          <Pair name="Since the start" value={events.total.toLocaleString()} />
        </dl>
      </Tile>
      <Tile name="Outbox" number={outbox ? outbox.rows : '?'}>
        <p class="small soft">
          {!outbox
            ? 'Postgres did not answer.'
            : outbox.rows === 0
              ? 'Everything committed is published.'
              : `Committed but not published yet. The oldest has waited for ${span(outbox.oldestSeconds)}.`}
        </p>
      </Tile>
      <Tile
        name="Postgres"
        health={postgres.ok}
        number={
          postgres.latencyMs === null
            ? 'Unavailable'
            : `${Number(postgres.latencyMs).toFixed(1)} ms`
        }
      >
        <p class="small soft">
          {postgres.ok
            ? 'Postgres answers.'
            : 'Postgres does not answer. Until it does, no money can move.'}
        </p>
      </Tile>
      <Tile
        name="Redis"
        health={redis.ok}
        number={redis.kind === 'memory' ? 'In memory' : redis.ok ? 'Live' : capital(redis.state)}
      >
        <p class="small soft">
          {redis.kind === 'memory'
            ? 'No Redis was found. This process uses its own memory instead.'
            : redis.ok
              ? 'Published events arrive.'
              : `Meanwhile, clients are served from Postgres. ${redis.reason ?? ''}`}
        </p>
      </Tile>
      <Tile name="Live stream" health={stream.ok} number={capital(stream.state)}>
        <p class="small soft">
          {stream.ok ? 'Every connected user was compared with the ledger.' : (stream.reason ?? '')}
        </p>
        <dl>
          <Pair name="Memory" value={`${Math.round(rest.memoryBytes / 1_048_576)} MiB`} />
        </dl>
      </Tile>
    </div>
  )
}

function Processes({ processes, live, connections, users, reason }: InstallationState['cluster']) {
  const open = Object.values(connections).reduce((sum, count) => sum + count, 0)
  return (
    <section class="card" aria-label="Processes">
      <div class="card-head">
        <h2>Processes</h2>
        <span class="small soft figure">
          {live} live · {open} connections · {users} users
        </span>
      </div>
      {reason !== undefined && <p class="notice wait">{reason}</p>}
      <table class="table folds">
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col">State</th>
            <th scope="col">Services</th>
            <th scope="col" class="right">
              Connections
            </th>
          </tr>
        </thead>
        <tbody>
          {processes.map((one) => (
            <ProcessRow key={one.id} {...one} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function ProcessRow({ state, isThis, postgres, redis, ...one }: SeenProcess) {
  const open = Object.values(one.connections).reduce((sum, count) => sum + count, 0)
  const gone = state === 'gone'
  const memory = Math.round(one.memoryBytes / 1_048_576)
  const ofRedis = redis.kind === 'memory' ? 'in memory' : redis.ok ? 'live' : redis.state
  return (
    <tr>
      <td class="lead-cell breakable">
        {one.host} <span class="small soft">{one.id.slice(0, 6)}</span>
        {isThis && <span class="small soft"> · answered</span>}
      </td>
      <td class="status-cell">
        <span class={`chip ${gone ? 'loss' : 'gain'}`}>
          {gone ? `Gone for ${span(one.seenSecondsAgo)}` : 'Live'}
        </span>
      </td>
      <td class="when-cell soft small">
        Version {one.version} · up {span(one.uptimeSeconds)} · event loop {one.eventLoopDelayMs} ms
        · {memory} MiB · Postgres {postgres.ok ? 'answers' : 'unavailable'} · Redis {ofRedis}
      </td>
      <td class="right amount-cell figure">{open}</td>
    </tr>
  )
}

interface TileProps {
  name: string
  number: string | number
  health?: boolean
  children: ComponentChildren
}

function Tile({ name, number, health, children }: TileProps) {
  return (
    <section class="card tile" aria-label={name}>
      <div class="card-head">
        <h2 class="small soft">{name}</h2>
        {health !== undefined && (
          <span class={`chip ${health ? 'gain' : 'loss'}`}>{health ? 'Healthy' : 'Problem'}</span>
        )}
      </div>
      <div class="number">{number}</div>
      {children}
    </section>
  )
}

function Pair({ name, value }: { name: string; value: string | number }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function Bars({ counts }: { counts: number[] }) {
  const most = Math.max(1, ...counts)
  return (
    <svg
      class="bars"
      viewBox={`0 0 ${counts.length} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Events in the last minute: ${counts.reduce((sum, count) => sum + count, 0)}`}
    >
      {counts.map((count, second) => {
        const height = Math.max(0.5, (count / most) * 20)
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place
            key={second}
            x={second + 0.1}
            y={20 - height}
            width="0.8"
            height={height}
            fill="currentColor"
            opacity={count === 0 ? 0.25 : 1}
          />
        )
      })}
    </svg>
  )
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
