import type { Command, Outcome } from './command.ts'

/** Is told what the write side does. Nothing waits for it, and it may not throw. */
export interface LedgerObserver {
  /** One SQL call begins. What it answers is called once: with the outcomes, or without when the call failed. */
  calling(commands: readonly Command[]): (outcomes?: readonly Outcome[]) => void
  /** A command has its answer; undefined: it failed, and was tried again for as long as that made sense. */
  settled?(command: Command, outcome: Outcome | undefined): void
}
