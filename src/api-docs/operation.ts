import type { z } from 'zod'
import type { RefusalCode } from '../ledger/command.ts'
import type { ErrorStatus } from '../lib/api-error.ts'

/** What the code of a route cannot say of itself. */
export interface Operation {
  id: string
  tag: string
  summary: string
  description?: string
  /** Status and body of success; the body is the name of a media type for what is not JSON. */
  success: readonly [status: 200 | 201, body: z.ZodType | readonly string[]]
  /** What the ledger may say no with; `idempotency_key_reused` goes without saying. */
  refusals?: readonly RefusalCode[]
  /** A body that 503 may have in place of a problem. */
  unhealthy?: z.ZodType
  /** Further ways to fail. */
  problems?: Partial<Record<ErrorStatus, string>>
}

/** By method and path, as the router has it: `POST /transactions/topup/:id/cancel`. */
export type Operations = Readonly<Record<string, Operation>>
