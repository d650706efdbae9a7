import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { ForeignClient, Received } from './scenario.ts'

/**
 * Starts a client that is a program of its own, and prints a line for each event.
 * @param parse reads an event from a line; undefined if the line is none
 */
export function startProgram(
  [program = '', ...args]: readonly string[],
  parse: (line: string) => Received | undefined,
): ForeignClient {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const received: Received[] = []
  createInterface(child.stdout).on('line', (line) => {
    const event = parse(line)
    if (event) received.push(event)
  })
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  onTestFinished(close)
  return { received, close }
}
