import type { BalanceStatus } from '../../src/client/index.ts'

const TRANSPORTS = { websocket: 'WebSocket', socketio: 'Socket.IO', sse: 'SSE' } as const

const STATES: Record<BalanceStatus['state'], readonly [tone: string, text: string]> = {
  idle: ['', 'Not connected'],
  connecting: ['wait', 'Connecting…'],
  live: ['gain', 'Live'],
  reconnecting: ['wait', 'Reconnecting…'],
  offline: ['loss', 'No network'],
  refused: ['loss', 'Not connected'],
  closed: ['', 'Not connected'],
}

const ROLES = {
  alone: '',
  leader: ' This tab holds the connection for all your tabs.',
  follower: ' Another of your tabs holds the connection.',
} as const

/** Shows whether the balance is live, and over which transport. */
export function ConnectionBadge({ status }: { status: BalanceStatus }) {
  const { state, transport, fallback, role } = status
  const [tone, text] = STATES[state]
  const over = state === 'live' && transport ? ` · ${TRANSPORTS[transport]}` : ''
  const why =
    fallback && state === 'live' ? 'WebSockets are blocked here, so events come over SSE.' : ''
  return (
    <span
      class={`chip ${tone}`}
      role="status"
      title={`${why}${ROLES[role]}`.trim()}
      data-state={state}
      data-transport={transport}
      data-tab={role}
    >
      <span class="dot" aria-hidden="true" />
      {text}
      {over}
      {why && <span class="sr-only">. {why}</span>}
    </span>
  )
}
