import specs from '@asyncapi/specs'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { asyncApiText } from '../../scripts/openapi.ts'
import { ANSWERS, EXAMPLES, RECEIVED, SENT, updateMessage } from '../../src/api-docs/events.ts'
import type { LedgerEvent, LedgerEventName } from '../../src/ledger/event.ts'
import { encodeEvent } from '../../src/realtime/bus/message.ts'

const about = {
  tenant: 'default',
  userId: 'alice',
  seq: 7,
  currency: 'USD',
  timestamp: '2025-11-04T10:30:00.000Z',
  newBalance: 15_000n,
}
const transaction = {
  transactionId: '019a4e5c-0000-7000-8000-000000000001',
  transactionType: 'topup',
}

const hold = {
  ...{ heldAmount: 5_000n, capturedAmount: 5_000n, remaining: 0n, overage: 'refuse' as const },
  ...{ expiresAt: '2025-11-04T10:45:00.000000Z', service: 'model' },
} as const

/** One of each, with every field that the ledger sets. */
const EVENTS: Record<LedgerEventName, LedgerEvent> = {
  balance_updated: {
    ...about,
    ...transaction,
    event: 'balance_updated',
    previousBalance: 10_000n,
    amount: 5_000n,
  },
  transaction_completed: {
    ...about,
    ...transaction,
    event: 'transaction_completed',
    status: 'success',
    amount: 5_000n,
  },
  transaction_failed: {
    ...about,
    ...transaction,
    event: 'transaction_failed',
    status: 'failed',
    amount: 5_000n,
  },
  balance_insufficient: {
    ...about,
    event: 'balance_insufficient',
    requiredAmount: 20_000n,
    available: 15_000n,
  },
  balance_alert: { ...about, event: 'balance_alert', threshold: 20_000n, direction: 'below' },
  wallet_frozen: { ...about, event: 'wallet_frozen', frozen: 'both' },
  wallet_unfrozen: { ...about, event: 'wallet_unfrozen' },
  auto_topup_paused: {
    ...about,
    event: 'auto_topup_paused',
    transactionId: transaction.transactionId,
    reason: 'card_declined',
  },
  available_changed: {
    ...{ ...about, ...transaction, transactionType: 'hold', event: 'available_changed' },
    ...{ amount: -5_000n, status: 'pending', held: 5_000n, available: 10_000n, ...hold },
  },
  hold_exhausted: {
    ...{ ...about, ...transaction, transactionType: 'hold', event: 'hold_exhausted' },
    ...{ amount: -5_000n, status: 'pending', held: 5_000n, available: 10_000n, ...hold },
  },
  hold_expiring: {
    ...{ ...about, ...transaction, transactionType: 'hold', event: 'hold_expiring' },
    ...{ amount: -5_000n, status: 'pending', held: 5_000n, available: 10_000n, ...hold },
  },
}

test('the document is valid AsyncAPI 3', async () => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  const schema = specs.schemasWithoutId['3.0.0'] as Record<string, unknown>
  const valid = ajv.validate(schema, JSON.parse(await asyncApiText()))
  expect(ajv.errors ?? []).toEqual([])
  expect(valid).toBe(true)
})

test('every reference in the document leads somewhere', async () => {
  const text = await asyncApiText()
  const document = JSON.parse(text)
  const references = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path = '']) => path)
  expect(references.length).toBeGreaterThan(50)
  for (const path of references) {
    const target = path.split('/').reduce((node, key) => node?.[key], document)
    expect([path, target]).toEqual([path, expect.any(Object)])
  }
})

test('a stream that nobody can ask anything holds no answers', async () => {
  const { stream, balance } = JSON.parse(await asyncApiText()).channels
  expect(Object.keys(balance.messages)).toEqual(expect.arrayContaining([...ANSWERS]))
  expect(Object.keys(stream.messages).filter((name) => ANSWERS.includes(name))).toEqual([])
})

test.each(Object.values(EVENTS))('$event on the Redis channel is as it is described', (event) => {
  const message = JSON.parse(encodeEvent(event, 'e1'))
  expect(updateMessage.strict().parse(message)).toEqual(message)
})

test('every event that the ledger writes is described, and so is what a client may send', () => {
  expect(Object.keys(SENT)).toEqual(expect.arrayContaining(Object.keys(EVENTS)))
  expect(Object.keys(RECEIVED)).toEqual([
    'subscribe_balance',
    'get_current_balance',
    'authenticate',
  ])
})

test.each(Object.entries({ ...SENT, ...RECEIVED, update: updateMessage }))(
  'the example of %s is one',
  (name, schema) => {
    const example = EXAMPLES[name as keyof typeof EXAMPLES]
    expect(schema.strict().parse(example)).toEqual(example)
  },
)
