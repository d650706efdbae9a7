import { setTimeout as sleep } from 'node:timers/promises'
import { SUBJECTS, type Subject, type SubjectName } from './subjects.ts'

/** The process of one subject: started with its name, and asked by messages. */
export type Question =
  | { ask: 'memory' }
  | { ask: 'deliver'; users: number; rounds: number; firstSeq: number }

/** Bytes, or CPU microseconds for each delivery. */
export type Answer = { port: number } | { value: number }

const subject: Subject = await SUBJECTS[process.argv[2] as SubjectName]()
const answer = (message: Answer) => process.send?.(message)

process.on('message', async (question: Question) => {
  answer({ value: question.ask === 'memory' ? await memory() : await deliver(question) })
})
process.on('disconnect', () => process.exit())
answer({ port: subject.port })

async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await sleep(100)
  }
  return process.memoryUsage().rss
}

/** An event for every user, round after round, each at its own moment, as payments come. */
async function deliver({ users, rounds, firstSeq }: Extract<Question, { ask: 'deliver' }>) {
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    for (let user = 0; user < users; user++) {
      subject.deliver(user, firstSeq + round)
      if (user % 20 === 19) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await sleep(50)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (users * rounds)
}
