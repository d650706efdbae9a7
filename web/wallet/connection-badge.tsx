import type { BalanceStatus } from '../../src/client/index.ts'
import { words } from '../lib/language.ts'

const TRANSPORTS = { websocket: 'WebSocket', socketio: 'Socket.IO', sse: 'SSE' } as const

const STATES = {
  idle: ['', 'idle'],
  connecting: ['wait', 'connecting'],
  live: ['gain', 'live'],
  reconnecting: ['wait', 'reconnecting'],
  offline: ['loss', 'offline'],
  refused: ['loss', 'idle'],
  closed: ['', 'idle'],
} as const

/** Shows whether the balance is live, and over which transport. */
export function ConnectionBadge({ status }: { status: BalanceStatus }) {
  const { state, transport, fallback, role } = status
  const { connection: text } = words()
  const [tone, name] = STATES[state]
  const over = state === 'live' && transport ? ` · ${TRANSPORTS[transport]}` : ''
  const why = fallback && state === 'live' ? text.fallback : ''
  const tabs = role === 'alone' ? '' : text[role]
  return (
    <span
      class={`chip ${tone}`}
      role="status"
      title={`${why} ${tabs}`.trim()}
      data-state={state}
      data-transport={transport}
      data-tab={role}
    >
      <span class="dot" aria-hidden="true" />
      {text[name]}
      {over && <span class="over">{over}</span>}
      {why && <span class="sr-only">. {why}</span>}
    </span>
  )
}
