import { setTimeout as sleep } from 'node:timers/promises'
import { ROOM } from './room.ts'
import { SUBJECTS, type Subject, type SubjectName } from './subjects.ts'

/** The process of one subject. It starts with the subject's name or file, and is controlled by messages. */
export type Question =
  | { ask: 'memory' }
  /** In each round, each of `users` receives an event, or all connections of the room do. */
  | { ask: 'deliver'; to: 'users' | 'room'; users: number; rounds: number; firstSeq: number }

/** Bytes, or CPU microseconds for each delivery. */
export type Answer = { port: number } | { value: number }

/** Users whose events come in one turn of the event loop. */
const TOGETHER = 20

const [, , name = '', ...args] = process.argv
const subject: Subject = name.startsWith('file:')
  ? await (await import(name)).default(args)
  : await SUBJECTS[name as SubjectName]()
const answer = (message: Answer) => process.send?.(message)

process.on('message', async (question: Question) => {
  answer({ value: question.ask === 'memory' ? await memory() : await deliver(question) })
})
process.on('disconnect', () => process.exit())
answer({ port: subject.port })

/** Once garbage no longer hides it: pages that a collection empties are given back by later ones. */
async function memory(): Promise<number> {
  for (let i = 0; i < 8; i++) {
    globalThis.gc?.()
    await sleep(50)
  }
  return process.memoryUsage().rss
}

/** Events come each at its own moment, as payments do. */
async function deliver({ to, users, rounds, firstSeq }: Extract<Question, { ask: 'deliver' }>) {
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    const seq = firstSeq + round
    if (to === 'room') {
      subject.deliver(ROOM, seq)
      await turn()
      continue
    }
    for (let user = 0; user < users; user++) {
      subject.deliver(String(user), seq)
      if (user % TOGETHER === TOGETHER - 1) await turn()
    }
  }
  await sleep(50)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (users * rounds)
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
