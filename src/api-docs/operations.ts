import type { Operations } from './operation.ts'
import { admin } from './operations/admin.ts'
import { audit } from './operations/audit.ts'
import { balance } from './operations/balance.ts'
import { health } from './operations/health.ts'
import { hold } from './operations/hold.ts'
import { limits } from './operations/limits.ts'
import { monitors } from './operations/monitors.ts'
import { payment } from './operations/payment.ts'
import { revocations } from './operations/revocations.ts'
import { statement } from './operations/statement.ts'
import { ticket } from './operations/ticket.ts'
import { topup } from './operations/topup.ts'
import { withdrawal } from './operations/withdrawal.ts'

/**
 * Every route; a test holds it against the routes that there are. A file of `operations/` describes the
 * file of `src/routes` that has its name. The tags of the document stand in the order that they have here.
 */
export const OPERATIONS: Operations = {
  ...topup,
  ...payment,
  ...withdrawal,
  ...hold,
  ...balance,
  ...statement,
  ...audit,
  ...monitors,
  ...limits,
  ...ticket,
  ...revocations,
  ...admin,
  ...health,
}
