import type { MetricDefinition } from '../family.ts'
import { one, tallied } from '../samples.ts'

/** What the ledger is asked, and its calls of Postgres. */
export const ledger: readonly MetricDefinition[] = [
  {
    name: 'ledger_commands_total',
    type: 'counter',
    labels: ['op', 'outcome'],
    help: 'Commands to the ledger by operation, and what became of them: `ok`, `replayed` (the first answer to an idempotency key, again), a refusal’s code, or `failed` (no answer to be had).',
    read: ({ ledger }) => tallied(ledger.commands),
  },
  {
    name: 'ledger_batch_commands',
    type: 'histogram',
    labels: [],
    help: 'Commands that went to Postgres in one call.',
    read: ({ ledger }) => one(ledger.batchSize),
  },
  {
    name: 'ledger_call_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time of one call of the ledger, commit included. Calls that failed are not in it.',
    read: ({ ledger }) => one(ledger.callSeconds),
  },
  {
    name: 'ledger_failed_calls_total',
    type: 'counter',
    labels: [],
    help: 'Calls of the ledger that failed, or were not answered in time.',
    read: ({ ledger }) => one(ledger.failedCalls),
  },
  {
    name: 'ledger_queued_commands',
    type: 'gauge',
    labels: [],
    help: 'Commands that wait for the next call.',
    read: ({ queued }) => one(queued()),
  },
]
