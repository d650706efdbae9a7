import { SubjectProcess } from '../realtime/process.ts'
import { growth, type Row } from '../row.ts'

const SIZES = [100, 1_000, 10_000]
const ROUNDS = 5
/** Users that receive events, and the events of each in a round. */
const USERS = 100
const EVENTS = 100

/** The CPU time of delivering an event over SSE, at several numbers of idle connections. */
export async function connectionsGrow(): Promise<Row> {
  const subject = await SubjectProcess.start('ours', 'SSE')
  try {
    const sizes: { size: number; rounds: number[] }[] = []
    let open = 0
    let firstSeq = 1
    for (const size of SIZES) {
      await subject.open(size - open)
      open = size
      const rounds: number[] = []
      for (let round = -1; round < ROUNDS; round++, firstSeq += EVENTS) {
        const cost = await subject.ask({
          ...{ ask: 'deliver', to: 'users', users: USERS, rounds: EVENTS, firstSeq },
        })
        if (round >= 0) rounds.push(cost)
      }
      sizes.push({ size, rounds })
    }
    const what = 'CPU of an event over SSE'
    return growth({ what, unit: 'µs', by: 'connections', sizes, goal: 1.3 })
  } finally {
    subject.end()
  }
}
