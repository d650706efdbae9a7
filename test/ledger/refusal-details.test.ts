import { expect } from 'vitest'
import { REFUSALS } from '../../src/http/errors.ts'
import type { Operation } from '../../src/ledger/command.ts'
import { type Sample, test, USD } from '../support/ledger/sample.ts'

const MAX = 2n ** 53n - 1n
/** In which users of the same names hold different amounts, and only ann holds the same. */
const TENANTS = ['poor', 'rich'] as const
type Tenant = (typeof TENANTS)[number]

/** The ids of one user's transactions, by what they are. */
type Named = Record<string, string>

async function furnish(
  ledger: Sample,
  tenant: Tenant,
  userId: string,
  unit: bigint,
): Promise<Named> {
  const accepted = async (command: Parameters<Sample['accepted']>[0]) =>
    (await ledger.accepted({ tenant, userId, actor: userId, ...command })).id
  await accepted({ op: 'adjustment', actor: 'admin', amount: 100n * unit })
  const requests = {
    topup: await accepted({ op: 'topup_request', amount: unit }),
    cancelled: await accepted({ op: 'topup_request', amount: unit }),
    withdrawal: await accepted({ op: 'withdrawal_request', amount: unit }),
    hold: await accepted({ op: 'hold', amount: 2n * unit, expiresIn: 60 }),
    expired: await accepted({ op: 'hold', amount: 2n * unit, expiresIn: 60 }),
    service: await accepted({ op: 'hold', actor: 'service', amount: 2n * unit, expiresIn: 60 }),
    payment: await accepted({ op: 'payment', amount: 3n * unit }),
    refunded: await accepted({ op: 'payment', amount: 3n * unit }),
  }
  const settle = (op: Operation, transactionId: string, actor = 'admin') =>
    ledger.accepted({ op, tenant, actor, transactionId })
  await settle('topup_cancel', requests.cancelled)
  await settle('refund', requests.refunded)
  await ledger.owner`
    update transactions set expires_at = created_at where tenant = ${tenant} and id = ${requests.expired}`
  const limit = { tenant, userId, currency: USD, windowSeconds: 3_600 }
  await ledger.limitsAndAlerts.putLimit({
    ...limit,
    type: 'transfer',
    maxAmount: 7n * unit,
    maxSum: 9n * unit,
  })
  await ledger.limitsAndAlerts.putLimit({
    ...limit,
    type: 'withdrawal',
    maxAmount: null,
    maxSum: 2n * unit,
  })
  await ledger.limitsAndAlerts.putMonitor({ ...limit, threshold: 5n * unit, direction: 'below' })
  return requests
}

const OPENING = ['payment', 'topup_request', 'transfer', 'withdrawal_request', 'hold', 'nonsense']
const NAMING = [
  'topup_cancel',
  'topup_process',
  'withdrawal_process',
  'hold_capture',
  'hold_void',
  'hold_expire',
  'refund',
  'nonsense',
]
const AMOUNTS = [null, -1n, 0n, 1n, 3n, 80n, 2_000n, MAX + 1n]

interface Refused {
  refusal: string | null
  details: Record<string, unknown> | null
}

/** What the ledger would say to a batch: none of it is done. */
async function asked(
  ledger: Sample,
  tenant: string,
  commands: readonly object[],
): Promise<Refused[]> {
  const nothing = new Error('nothing of it is to be done')
  let results: Refused[] = []
  await ledger.owner
    .begin(async (tx) => {
      const rows = await tx<{ results: Refused[] }[]>`
        select results from ledger_apply(${JSON.stringify(commands.map((c) => ({ tenant, ...c })))}::text::json)`
      results = rows[0]?.results ?? []
      throw nothing
    })
    .catch((error: unknown) => {
      if (error !== nothing) throw error
    })
  return results
}

test('a refusal says the same whatever others hold: nothing in it is of another user', async ({
  ledger,
}) => {
  const anns = [
    await furnish(ledger, 'poor', 'ann', 10n),
    await furnish(ledger, 'rich', 'ann', 10n),
  ] as const
  const bobs = [
    await furnish(ledger, 'poor', 'bob', 11n),
    await furnish(ledger, 'rich', 'bob', MAX / 101n),
  ] as const
  // Nearly full: what ann would send him has no room.
  const { balance } = await ledger.reader.balance({ tenant: 'rich', userId: 'bob' }, USD)
  const gift = { tenant: 'rich', userId: 'bob', actor: 'admin', amount: MAX - balance - 2n }
  await ledger.accepted({ op: 'adjustment', ...gift })
  // Whom nobody can send money to, for another reason in each.
  for (const tenant of TENANTS) {
    const who = { tenant, userId: 'cid' }
    await ledger.reader.balance(who, USD)
    const reason = `of the ${tenant}`
    await ledger.freezes.set(who, { debits: tenant === 'rich', credits: true, reason, by: 'admin' })
  }
  // Who has spent a part of ann's payment, or all of it.
  const spent: string[] = []
  for (const [tenant, amount] of [
    ['poor', 4n],
    ['rich', 10n],
  ] as const) {
    const payee = { tenant, userId: 'dee' }
    await ledger.reader.balance(payee, USD)
    const split = [{ to: 'dee', share: 1 }]
    const pays = { op: 'payment', userId: 'ann', amount: 10n, split } as const
    spent.push((await ledger.accepted({ ...pays, tenant })).id)
    await ledger.accepted({ ...payee, op: 'payment', amount })
  }
  // Of ann's topup, which needs two, the service has given the first approval.
  for (const [i, tenant] of TENANTS.entries()) {
    await ledger.fourEyes.set(tenant, [{ currency: USD, amount: 1n }], 'admin')
    const transactionId = anns[i]?.topup ?? ''
    const approval = { tenant, actor: 'service', transactionId, status: 'success' } as const
    await ledger.accepted({ op: 'topup_process', ...approval })
  }

  const ann = { actor: 'ann', user_id: 'ann' }
  const amountOf = (amount: bigint | null) => (amount === null ? {} : { amount: `${amount}` })
  const opening = OPENING.flatMap((op) =>
    AMOUNTS.flatMap((amount) =>
      ['USD', 'JPY', 'XXX'].flatMap((currency) =>
        (op === 'transfer' ? ['bob', 'ann', 'nobody', 'cid'] : [null]).map((to) => ({
          ...{ ...ann, op, currency, ...amountOf(amount), expires_in: amount === 3n ? 0 : 60 },
          ...(to !== null && { to_user_id: to }),
        })),
      ),
    ),
  )
  const naming = (named: Named, who: object) =>
    NAMING.flatMap((op) =>
      Object.values(named).flatMap((transaction_id) => {
        const command = { ...who, op, transaction_id, status: 'success' }
        const amounts = [null, 0n, 1n, 2_000n].map((amount) => ({
          ...command,
          ...amountOf(amount),
        }))
        return [...amounts, { ...command, currency: 'JPY' }]
      }),
    )
  const commandsOf = (i: 0 | 1) => [
    ...opening,
    ...naming(bobs[i], ann),
    ...naming(anns[i], ann),
    // As an admin or a service, on her own behalf and on what is hers.
    ...naming(anns[i], { actor: 'ann' }),
    ...naming(anns[i], { actor: 'service' }),
    { actor: 'service', role: 'service', op: 'refund', transaction_id: spent[i] },
    { ...ann, op: 'payment', currency: 'USD', amount: '1', split: [] },
    {
      ...ann,
      op: 'payment',
      currency: 'USD',
      amount: '1',
      idempotency_key: 'k',
      command_hash: 'a',
    },
    {
      ...ann,
      op: 'payment',
      currency: 'USD',
      amount: '2',
      idempotency_key: 'k',
      command_hash: 'b',
    },
  ]
  const [poor, rich] = [commandsOf(0), commandsOf(1)]
  const met = new Set<string>()
  // One command a batch, and its first two together: a refusal of one may change what the next one is told.
  const batches = [...poor.keys()].map((i) => (i === poor.length - 1 ? [i - 1, i] : [i]))
  for (const batch of batches) {
    const [one, other] = await Promise.all([
      asked(
        ledger,
        'poor',
        batch.map((i) => poor[i] as object),
      ),
      asked(
        ledger,
        'rich',
        batch.map((i) => rich[i] as object),
      ),
    ])
    for (const [i, place] of batch.entries()) {
      const [a, b] = [one[i], other[i]]
      for (const { refusal } of [a, b] as Refused[]) if (refusal) met.add(refusal)
      const about = JSON.stringify(poor[place])
      // That there is no room is all that a sender hears of who receives.
      if (a?.refusal !== b?.refusal) {
        expect([about, b]).toEqual([
          about,
          expect.objectContaining({ refusal: 'balance_limit_exceeded', details: {} }),
        ])
      } else expect([about, a?.details]).toEqual([about, b?.details])
    }
  }
  // A bulk refuses a command for the sake of another one, without details.
  const single = Object.keys(REFUSALS).filter((code) => code !== 'bulk_aborted')
  expect([...met].sort()).toEqual(single.sort())
})
