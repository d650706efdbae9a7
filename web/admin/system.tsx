import type { ComponentChildren } from 'preact'
import type { SystemState } from '../../src/routes/deps.ts'
import type { PageProps } from '../components/start.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { usePolled } from '../hooks/use-polled.ts'
import { span } from '../lib/time.ts'

const TRANSPORTS: Record<string, string> = {
  websocket: 'WebSocket',
  'socket.io': 'Socket.IO',
  sse: 'SSE',
}

/** The state of the server process that answers, read every second. */
export function System({ api }: PageProps) {
  const state = usePolled(
    (signal) => api.get<SystemState>('/admin/system', {}, signal),
    [api],
    1_000,
  )
  const { value } = state
  return (
    <>
      <div class="title-row">
        <div>
          <h1>System</h1>
          <p class="soft">The server process that answered, and the services that it uses.</p>
        </div>
        {value && (
          <span class="small soft figure">
            Version {value.version} · up {span(value.uptimeSeconds)}
          </span>
        )}
      </div>
      {state.problem !== undefined && <Failure problem={state.problem} retry={state.reload} />}
      {!value && state.loading && <Loading what="Asking the server" />}
      {value && <Tiles {...value} />}
    </>
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
}: SystemState) {
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
