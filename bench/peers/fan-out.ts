import { deliveries, perSecond, USERS } from '../realtime/deliveries.ts'
import { SubjectProcess } from '../realtime/process.ts'
import { ROOM } from '../realtime/room.ts'
import { compare, type Row } from '../row.ts'

const PEERS = [
  { protocol: 'SSE', name: 'better-sse', file: 'fan-out/better-sse.ts' },
  {
    protocol: 'Socket.IO',
    name: 'Socket.IO with Redis adapter',
    file: 'fan-out/socketio-redis.ts',
  },
] as const

/** Deliveries in a CPU second: of events of one connection each, and of an event for a thousand connections. */
export async function fanOut(redisUrl: string): Promise<Row[]> {
  const rows: Row[] = []
  for (const { protocol, name, file } of PEERS) {
    const ours = await SubjectProcess.start('ours', protocol)
    const peer = await SubjectProcess.start(new URL(file, import.meta.url), protocol, [redisUrl])
    const subjects = { ours, peer }
    const row = async (what: string, to: 'users' | 'room') => {
      const costs = await deliveries(subjects, to)
      rows.push(
        compare({
          what: `${protocol}: ${what}`,
          unit: '/CPU s',
          ours: perSecond(costs.ours),
          limit: { name, rounds: perSecond(costs.peer) },
          direction: '≥',
        }),
      )
    }
    for (const subject of [ours, peer]) await subject.open(USERS)
    await row("one user's event", 'users')
    for (const subject of [ours, peer]) await subject.open(USERS, ROOM)
    await row(`a room of ${USERS}`, 'room')
    for (const subject of [ours, peer]) subject.end()
  }
  return rows
}
