import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Protocol } from './clients.ts'
import type { Answer, Question } from './subject.ts'
import type { SubjectName } from './subjects.ts'

const here = (file: string) => new URL(file, import.meta.url)
const execArgv = ['--import', 'tsx', '--expose-gc']

/** A subject in its own process, and its clients in others. */
export class SubjectProcess {
  readonly #protocol: Protocol
  readonly #process: ChildProcess
  readonly #port: number
  readonly #clients: ChildProcess[] = []
  #opened = 0

  private constructor(protocol: Protocol, process: ChildProcess, port: number) {
    this.#protocol = protocol
    this.#process = process
    this.#port = port
  }

  /** @param subject the name of one of ours, or the file of another, which receives `args` */
  static async start(
    subject: SubjectName | URL,
    protocol: Protocol,
    args: string[] = [],
  ): Promise<SubjectProcess> {
    const child = fork(here('subject.ts'), [String(subject), ...args], { execArgv })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return new SubjectProcess(protocol, child, port)
  }

  /** Opens connections: one for each further user, or all for the user of the room. */
  async open(count: number, room?: string): Promise<void> {
    const from = room ?? String(this.#opened)
    if (room === undefined) this.#opened += count
    const args = [String(this.#port), this.#protocol, String(count), from]
    const clients = fork(here('clients.ts'), args, { execArgv })
    this.#clients.push(clients)
    const exit = once(clients, 'exit').then(() => Promise.reject(new Error('the clients failed')))
    await Promise.race([once(clients, 'message'), exit])
    exit.catch(() => {})
  }

  async ask(question: Question): Promise<number> {
    this.#process.send(question)
    const [answer] = (await once(this.#process, 'message')) as [Extract<Answer, { value: number }>]
    return answer.value
  }

  end(): void {
    for (const child of [...this.#clients, this.#process]) child.kill()
  }
}
