import { DEFAULT_TENANT, isTenant } from '../lib/identity.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Keys of a payment's metadata that may hold the topup's id. */
const TOPUP_KEYS = ['topupId', 'topup_id', 'transactionId']

/** The topup that the metadata of a payment names, in the tenant that it names. */
export function namedTopup(
  metadata: Readonly<Record<string, string>> | null | undefined,
): { tenant: string; id: string } | undefined {
  const id = TOPUP_KEYS.map((key) => metadata?.[key]).find((value) => UUID.test(value ?? ''))
  const tenant = metadata?.tenant || DEFAULT_TENANT
  return id !== undefined && isTenant(tenant) ? { tenant, id: id.toLowerCase() } : undefined
}
