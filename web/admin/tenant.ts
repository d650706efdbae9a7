import type { LimitedType } from '../../src/ledger/command.ts'
import { formatMoney } from '../lib/money.ts'
import { typeName } from '../lib/transaction.ts'
import { readAmount } from '../lib/typed-amount.ts'

/** A tenant as `GET /platform/tenants` tells it. Of a setting, null is the server's. */
export interface Tenant {
  id: string
  name: string
  suspended: boolean
  suspendedAt: string | null
  suspendedReason: string | null
  createdBy: string
  createdAt: string
  currency: string | null
  limits: TenantLimit[] | null
  rateLimits: Partial<Record<'reads' | 'writes' | 'handshakes', number>> | null
  maxConnections: number | null
  identity: {
    kind: 'secret' | 'jwks'
    jwksUrl: string | null
    issuer: string | null
    audience: string | null
  } | null
  allowedOrigins: string[] | null
  maxWebhooks: number | null
  eventRetentionSeconds: number | null
  defaultMaxRate: number | null
  maxRate: number | null
}

export interface TenantLimit {
  type: LimitedType
  currency: string
  maxAmount: number | null
  maxSum: number | null
  windowSeconds: number | null
}

export const tenantPath = (id: string, ...more: string[]): string =>
  ['/platform/tenants', encodeURIComponent(id), ...more].join('/')

const LIMITED = {
  booking_payment: true,
  transfer: true,
  withdrawal: true,
  hold: true,
} satisfies Record<LimitedType, true>

/** What a spending limit can be about. */
export const LIMITED_TYPES = (Object.keys(LIMITED) as LimitedType[]).map(
  (type) => [type, typeName(type)] as const,
)

/** What is typed into the form of a tenant. An empty text is the server's setting. */
export interface TenantForm {
  name: string
  currency: string
  reads: string
  writes: string
  handshakes: string
  maxConnections: string
  /** `keep`: as it is now, because no answer shows a secret. */
  keys: 'keep' | 'server' | 'secret' | 'jwks'
  secret: string
  jwksUrl: string
  issuer: string
  audience: string
  /** One a line. */
  origins: string
  maxWebhooks: string
  eventRetentionSeconds: string
  defaultMaxRate: string
  maxRate: string
  limits: readonly LimitForm[]
}

export interface LimitForm {
  type: string
  currency: string
  maxAmount: string
  maxSum: string
  windowSeconds: string
}

export const NEW_LIMIT: Omit<LimitForm, 'currency'> = {
  ...{ type: 'booking_payment', maxAmount: '', maxSum: '', windowSeconds: '86400' },
}

const text = (value: string | number | null | undefined) => String(value ?? '')

/** The form as it stands at first. Without a tenant: of a new one. */
export function formOf(tenant: Tenant | undefined): TenantForm {
  const { identity, rateLimits } = tenant ?? {}
  return {
    name: text(tenant?.name),
    currency: text(tenant?.currency),
    reads: text(rateLimits?.reads),
    writes: text(rateLimits?.writes),
    handshakes: text(rateLimits?.handshakes),
    maxConnections: text(tenant?.maxConnections),
    keys: identity ? 'keep' : 'server',
    secret: '',
    jwksUrl: text(identity?.jwksUrl),
    issuer: text(identity?.issuer),
    audience: text(identity?.audience),
    origins: (tenant?.allowedOrigins ?? []).join('\n'),
    maxWebhooks: text(tenant?.maxWebhooks),
    eventRetentionSeconds: text(tenant?.eventRetentionSeconds),
    defaultMaxRate: text(tenant?.defaultMaxRate),
    maxRate: text(tenant?.maxRate),
    limits: (tenant?.limits ?? []).map(({ type, currency, maxAmount, maxSum, windowSeconds }) => ({
      ...{ type, currency },
      maxAmount: maxAmount === null ? '' : formatMoney(maxAmount, currency),
      maxSum: maxSum === null ? '' : formatMoney(maxSum, currency),
      windowSeconds: windowSeconds === null ? NEW_LIMIT.windowSeconds : String(windowSeconds),
    })),
  }
}

/** What is wrong, by the name of the field; of a limit by `limits.0.maxSum`. */
export type Wrong = Readonly<Record<string, string>>

/** The settings that the form says, as the server takes them, or what is wrong. */
export function settingsIn(form: TenantForm): { settings: Record<string, unknown>; wrong: Wrong } {
  const wrong: Record<string, string> = {}
  const number = (name: keyof TenantForm, whole = true): number | null => {
    const typed = String(form[name]).trim()
    if (typed === '') return null
    if (/^\d+$/.test(typed) || (!whole && /^\d*[.,]?\d+$/.test(typed))) {
      return Number(typed.replace(',', '.'))
    }
    wrong[name] = whole ? 'Enter a whole number.' : 'Enter a number, such as 4 or 0.5.'
    return null
  }
  const set = <T extends object>(values: T) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== ''))
  if (form.name.trim() === '') wrong.name = 'Enter a name.'
  const rateLimits = set({
    ...{ reads: number('reads'), writes: number('writes'), handshakes: number('handshakes') },
  })
  const origins = form.origins.split(/\s+/).filter(Boolean)
  const limits = form.limits.map((limit, at) => limitIn(limit, `limits.${at}`, wrong))
  const settings: Record<string, unknown> = {
    name: form.name.trim(),
    currency: form.currency || null,
    limits: limits.length > 0 ? limits : null,
    rateLimits: Object.keys(rateLimits).length > 0 ? rateLimits : null,
    maxConnections: number('maxConnections'),
    allowedOrigins: origins.length > 0 ? origins : null,
    maxWebhooks: number('maxWebhooks'),
    eventRetentionSeconds: number('eventRetentionSeconds'),
    defaultMaxRate: number('defaultMaxRate', false),
    maxRate: number('maxRate', false),
  }
  const { keys, secret, jwksUrl } = form
  const names = set({ issuer: form.issuer.trim(), audience: form.audience.trim() })
  if (keys === 'server') settings.identity = null
  if (keys === 'secret') {
    settings.identity = { secret, ...names }
    if (new TextEncoder().encode(secret).length < 32) wrong.secret = 'At least 32 bytes.'
  }
  if (keys === 'jwks') {
    settings.identity = { jwksUrl: jwksUrl.trim(), ...names }
    if (!URL.canParse(jwksUrl.trim())) wrong.jwksUrl = 'Enter a whole URL that begins with https://'
  }
  return { settings, wrong }
}

/** The limit as the server takes it. What is wrong goes into `wrong`, below `at`. */
export function limitIn(limit: LimitForm, at: string, wrong: Record<string, string>) {
  const { type, currency, maxAmount, maxSum, windowSeconds } = limit
  const amount = (name: 'maxAmount' | 'maxSum') => {
    if (limit[name].trim() === '') return undefined
    const read = readAmount(limit[name], currency)
    if (read.wrong !== undefined) wrong[`${at}.${name}`] = read.wrong
    return read.amount
  }
  if (maxAmount.trim() === '' && maxSum.trim() === '') {
    wrong[`${at}.maxAmount`] = 'Enter one of the two amounts, or remove the limit.'
  }
  const most = amount('maxAmount')
  const sum = amount('maxSum')
  return {
    ...{ type, currency },
    ...(most !== undefined && { maxAmount: most }),
    ...(sum !== undefined && { maxSum: sum, windowSeconds: Number(windowSeconds) }),
  }
}

/** Only what differs from before: a setting that nobody touched keeps a value that was changed meanwhile. */
export function changesBetween(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Record<string, unknown> {
  const differs = ([name, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(before[name])
  return Object.fromEntries(Object.entries(after).filter(differs))
}
