import { Histogram, LATENCY_BOUNDS, LabeledCounter } from '../lib/instruments.ts'
import type { Command, Outcome } from './command.ts'

/** Observes the write side. Nothing waits for it, and it must not throw. */
export interface LedgerObserver {
  /** One SQL call begins. The returned function is called once: with the outcomes, or without if the call failed. */
  calling(commands: readonly Command[]): (outcomes?: readonly Outcome[]) => void
  /** A command has its answer. Undefined: it failed after all retries. */
  settled?(command: Command, outcome: Outcome | undefined): void
}

/** Counts the write side of this process since its start. */
export class LedgerMeter implements LedgerObserver {
  /** Commands in one SQL call. */
  readonly batchSize = new Histogram([1, 2, 4, 8, 16, 32, 64, 128])
  /** Duration of an answered SQL call in seconds. */
  readonly callSeconds = new Histogram(LATENCY_BOUNDS)
  failedCalls = 0
  /** By operation, and `ok`, `replayed`, the refusal's code, or `failed`. */
  readonly commands = new LabeledCounter('op', 'outcome')

  calling(commands: readonly Command[]): (outcomes?: readonly Outcome[]) => void {
    this.batchSize.add(commands.length)
    const began = performance.now()
    return (outcomes) => {
      if (outcomes) this.callSeconds.add((performance.now() - began) / 1000)
      else this.failedCalls += 1
    }
  }

  settled(command: Command, outcome: Outcome | undefined): void {
    this.commands.add(command.op, nameOf(outcome))
  }
}

function nameOf(outcome: Outcome | undefined): string {
  if (!outcome) return 'failed'
  if (outcome.replayed) return 'replayed'
  return outcome.ok ? 'ok' : outcome.code
}
