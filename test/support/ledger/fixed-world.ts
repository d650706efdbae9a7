import type { Operation } from '../../../src/ledger/command.ts'
import type { Draft, Step } from './world.ts'

const PLAIN: Omit<Draft, 'op'> = {
  ...{ foreign: false, user: 0, to: 0, actor: 'self', currency: 'USD', amount: 40n, nth: 0 },
  ...{ wild: false, named: false, part: false, open: false, overage: undefined, split: undefined },
  ...{ role: undefined, key: undefined, status: 'success', expiresIn: 3_600 },
}

const draft = (op: Operation, more: Partial<Draft> = {}): Draft => ({ ...PLAIN, op, ...more })

const one = (op: Operation, more?: Partial<Draft>): Step => ({
  kind: 'commands',
  drafts: [draft(op, more)],
})

/** Each operation is accepted. */
const accepted: Step[] = [
  one('topup_request'),
  one('topup_note', { actor: 'service' }),
  one('topup_process', { actor: 'admin' }),
  one('topup_request'),
  one('topup_cancel'),
  one('payment'),
  one('refund', { actor: 'service', part: true, amount: 10n }),
  one('transfer', { to: 1 }),
  one('withdrawal_request'),
  one('withdrawal_process', { actor: 'admin' }),
  one('hold'),
  one('hold_extend', { part: true, open: true }),
  one('hold_expiring', { actor: 'service' }),
  one('hold_capture', { part: true, open: true, amount: 10n }),
  one('hold_capture'),
  one('hold'),
  one('hold_void'),
  one('hold'),
  { kind: 'time passes', nth: 0 },
  one('hold_expire', { actor: 'service' }),
  { kind: 'four eyes', amount: 5n },
  one('adjustment', { actor: 'admin' }),
  one('adjustment_process', { actor: 'service' }),
  one('payment'),
  one('refund', { actor: 'admin' }),
  one('refund_process', { actor: 'service' }),
  { kind: 'four eyes', amount: null },
]

/** Each refusal is met, also those that chance seldom brings about. */
const refused: Step[] = [
  one('payment', { amount: 0n }),
  one('payment', { currency: undefined }),
  one('payment', { currency: 'XXX' }),
  one('payment', { foreign: true, actor: 'admin' }),
  one('payment', { amount: 500n }),
  one('adjustment', { actor: 'admin', amount: 2n ** 53n - 1n }),
  one('adjustment'),
  one('transfer'),
  one('topup_request'),
  one('withdrawal_process', { actor: 'admin', wild: true }),
  one('topup_process', { actor: 'admin', wild: true, currency: 'JPY' }),
  one('topup_process', { actor: 'admin', named: true, user: 1 }),
  one('topup_cancel'),
  one('topup_cancel'),
  one('hold'),
  one('refund', { actor: 'admin' }),
  one('hold_capture', { part: true, amount: 60n }),
  one('hold_void', { actor: 'other', to: 1, named: true }),
  { kind: 'time passes', nth: 0 },
  one('hold_capture'),
  one('payment', { key: 'k1' }),
  one('payment', { key: 'k1', amount: 41n }),
  one('refund', { actor: 'service', part: true, amount: 60n }),
  // The same admin twice.
  { kind: 'four eyes', amount: 5n },
  one('topup_request'),
  one('topup_process', { actor: 'admin' }),
  one('topup_process', { actor: 'admin' }),
  { kind: 'four eyes', amount: null },
  // A payee who has spent their part.
  one('payment', { split: [] }),
  one('payment', { split: [{ to: 3, share: true, n: 1 }] }),
  one('payment', { user: 3, amount: 30n }),
  one('refund', { actor: 'service', nth: 1 }),
  {
    ...{ kind: 'bulk', atomic: true, previewed: true },
    drafts: [draft('payment', { amount: 1n }), draft('payment', { amount: 500n })],
  },
  { kind: 'limit', user: 1, type: 'booking_payment', maxAmount: 10n, maxSum: 20n },
  one('payment', { user: 1 }),
  { kind: 'can afford', user: 1, type: 'booking_payment', amount: 40n },
  { kind: 'freeze', user: 1, debits: true, credits: false },
  one('payment', { user: 1, amount: 5n }),
  { kind: 'can afford', user: 1, type: 'booking_payment', amount: 5n },
]

/** What happens in a world that leaves nothing to chance. */
export const fixed: Step[] = [...accepted, ...refused]
