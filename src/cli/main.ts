#!/usr/bin/env node
import { livebalance } from './livebalance.ts'
import { processTerminal } from './terminal.ts'

let onInterrupt = () => process.exit(130)
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => onInterrupt())

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    onInterrupt = resolve as () => never
  })
}

// A reader such as `head` may close the pipe early. That is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

process.exitCode = await livebalance(process.argv.slice(2), {
  terminal: processTerminal(),
  interrupted,
})
