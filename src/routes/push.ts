import { ECDH } from 'node:crypto'
import * as z from 'zod'
import { whyNotAllowed } from '../deliveries/guarded-request.ts'
import {
  LANGUAGES,
  type Language,
  type PushRules,
  type PushSettings,
  type Thresholds,
} from '../deliveries/push.ts'
import { MAX_DEVICES } from '../deliveries/push-devices.ts'
import { isTimeZone } from '../deliveries/quiet-hours.ts'
import { factory } from '../http/context.ts'
import { amountJson, answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const MAX_THRESHOLDS = 20

/** A page that shows the wallet says so again within this time. */
const VISIBLE_SECONDS = 60

const endpoint = z
  .string()
  .max(2000)
  .refine((text) => URL.canParse(text), 'must be a URL')
  .meta({ format: 'uri', description: 'The `endpoint` of the subscription.' })

const key = (bytes: number) =>
  z
    .string()
    .max(200)
    .refine((text) => /^[\w+/-]+=*$/.test(text), 'must be base64url')
    .refine(
      (text) => Buffer.from(text, 'base64url').length === bytes,
      `must be ${bytes} bytes in base64url`,
    )

/** As a browser gives it, with what later ones may add. */
const subscription = z
  .object({
    endpoint,
    expirationTime: z.number().nullable().exactOptional(),
    keys: z.object({
      p256dh: key(65).refine(isPoint, 'must be a point of the curve P-256'),
      auth: key(16),
    }),
  })
  .meta({ description: 'The JSON of a `PushSubscription`.' })

function isPoint(text: string): boolean {
  try {
    ECDH.convertKey(Buffer.from(text, 'base64url'), 'prime256v1')
    return true
  } catch {
    return false
  }
}

const thresholds = z
  .array(z.strictObject({ currency: field.currency, amount: field.amount }))
  .max(MAX_THRESHOLDS)
  .refine(
    (items) => new Set(items.map(({ currency }) => currency)).size === items.length,
    'names a currency twice',
  )

const rules = z
  .strictObject({
    changes: z
      .strictObject({ on: z.boolean(), atLeast: thresholds.default([]) })
      .exactOptional()
      .meta({
        description:
          'The balance changed by at least so much, up or down. Of a currency that is not named: by any amount. Default: on.',
      }),
    lowBalance: z
      .strictObject({ on: z.boolean(), below: thresholds.default([]) })
      .exactOptional()
      .meta({
        description:
          'A change took the balance below so much. Of a currency that is not named: never. Default: off.',
      }),
    paymentFailed: z.strictObject({ on: z.boolean() }).exactOptional().meta({
      description: 'A debit was refused because the balance was too low. Default: on.',
    }),
    topups: z
      .strictObject({ on: z.boolean() })
      .exactOptional()
      .meta({ description: 'A topup was completed or rejected. Default: on.' }),
  })
  .meta({ description: 'Of all devices of the user. What is not given stays as it is.' })

const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 22:00')
  .meta({ examples: ['22:00'] })

const quietHours = z
  .strictObject({
    from: timeOfDay,
    to: timeOfDay,
    timeZone: z
      .string()
      .max(64)
      .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
      .meta({ examples: ['Asia/Ho_Chi_Minh'] }),
  })
  .refine(({ from, to }) => from !== to, 'from and to must differ')
  .nullable()
  .meta({
    description:
      'Notifications wait until they end, and come as one. `from` may be later than `to`. Null: none.',
  })

const language = z
  .string()
  .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$/, 'must be a language tag such as de or en-GB')
  .transform((tag): Language => {
    const wanted = tag.split('-')[0]?.toLowerCase()
    return LANGUAGES.find((known) => known === wanted) ?? 'en'
  })
  .meta({ description: `One of ${LANGUAGES.join(', ')}. Any other is \`en\`.`, examples: ['de'] })

/** `/balance/push`: the devices of a user that are notified while no page is open. */
export function pushRoutes({
  guards,
  idempotency,
  push,
}: Pick<RouteDeps, 'guards' | 'idempotency' | 'push'>) {
  const ensureAllowed = (text: string) => {
    const message = whyNotAllowed(new URL(text), push.allowPrivate)
    if (message === undefined) return
    const path = 'subscription.endpoint'
    throw new ApiError(400, 'invalid_request', `${path}: ${message}`, {
      details: { issues: [{ path, message }] },
    })
  }

  return factory
    .createApp()
    .post(
      '/',
      guards.requireUser,
      json(
        z.strictObject({
          subscription,
          label: field
            .text(100)
            .nullable()
            .default(null)
            .meta({ description: 'Tells the user’s devices apart.', examples: ['Ann’s phone'] }),
          language: language.default('en'),
          figures: z.boolean().default(true).meta({
            description: 'False: the notifications of this device name no amount.',
          }),
          rules: rules.exactOptional(),
          quietHours: quietHours.exactOptional(),
        }),
      ),
      (c) => {
        const { subscription, label, language, figures, ...rest } = c.req.valid('json')
        const settings = readSettings(rest)
        const register = async () => {
          if (push.publicKey === undefined) throw notConfigured()
          const { endpoint: address, keys } = subscription
          ensureAllowed(address)
          const device = await push.devices.register(c.var.principal, {
            ...{ kind: 'web', address, keys, service: new URL(address).origin },
            ...{ label, language, figures },
          })
          if (device === 'too_many') {
            throw new ApiError(409, 'conflict', `You already have ${MAX_DEVICES} devices.`)
          }
          if (device === 'foreign') {
            throw new ApiError(409, 'conflict', 'Another user has this subscription.')
          }
          if (Object.keys(settings).length > 0) {
            await push.devices.configure(c.var.principal, settings)
          }
          return device
        }
        return idempotent(c, idempotency, register, 201)
      },
    )
    .get('/', guards.requireUser, query(field.noFields), async (c) => {
      const [items, settings] = await Promise.all([
        push.devices.list(c.var.principal),
        push.devices.settings(c.var.principal),
      ])
      const publicKey = push.publicKey ?? null
      return answer(c, { publicKey, items, ...settingsJson(settings) })
    })
    .put(
      '/settings',
      guards.requireUser,
      json(
        z.strictObject({ rules: rules.exactOptional(), quietHours: quietHours.exactOptional() }),
      ),
      async (c) => {
        const settings = readSettings(c.req.valid('json'))
        return answer(c, settingsJson(await push.devices.configure(c.var.principal, settings)))
      },
    )
    .put(
      '/visible',
      guards.requireUser,
      json(
        z.strictObject({
          tab: z.uuid('must be a UUID').meta({ description: 'Names the page, by its choice.' }),
          visible: z.boolean(),
        }),
      ),
      async (c) => {
        const { tab, visible } = c.req.valid('json')
        const seconds = visible ? VISIBLE_SECONDS : null
        await push.devices.seen(c.var.principal, tab, seconds)
        return answer(c, { visible, seconds })
      },
    )
    .delete('/', guards.requireUser, query(z.strictObject({ endpoint })), async (c) => {
      const address = c.req.valid('query').endpoint
      if (!(await push.devices.remove(c.var.principal, { address }))) throw noDevice()
      return answer(c, { deleted: 1 })
    })
    .delete('/:id', guards.requireUser, param(field.byId), async (c) => {
      const { id } = c.req.valid('param')
      if (!(await push.devices.remove(c.var.principal, { id }))) throw noDevice()
      return answer(c, { deleted: 1 })
    })
}

const noDevice = () => new ApiError(404, 'not_found', 'You have no such device.')

const notConfigured = () =>
  new ApiError(409, 'conflict', 'Push is not configured: this server has no VAPID keys.')

interface SettingsInput {
  rules?: z.output<typeof rules>
  quietHours?: z.output<typeof quietHours>
}

function readSettings({ rules, quietHours }: SettingsInput) {
  return {
    ...(rules && { rules: readRules(rules) }),
    ...(quietHours !== undefined && { quietHours: quietHours && readQuietHours(quietHours) }),
  }
}

function readRules({ changes, lowBalance, ...rest }: z.output<typeof rules>): Partial<PushRules> {
  const read = (items: z.output<typeof thresholds>, path: string): Thresholds =>
    Object.fromEntries(
      items.map(({ currency, amount }, i) => [
        currency,
        field.readAmount(amount, currency, { field: `rules.${path}.${i}.amount` }),
      ]),
    )
  return {
    ...rest,
    ...(changes && {
      changes: { on: changes.on, atLeast: read(changes.atLeast, 'changes.atLeast') },
    }),
    ...(lowBalance && {
      lowBalance: { on: lowBalance.on, below: read(lowBalance.below, 'lowBalance.below') },
    }),
  }
}

function readQuietHours({ from, to, timeZone }: { from: string; to: string; timeZone: string }) {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
  return { from: minutes(from), to: minutes(to), timeZone }
}

function settingsJson({ rules, quietHours }: PushSettings) {
  const { changes, lowBalance, paymentFailed, topups } = rules
  return {
    rules: {
      changes: { on: changes.on, atLeast: thresholdsJson(changes.atLeast) },
      lowBalance: { on: lowBalance.on, below: thresholdsJson(lowBalance.below) },
      ...{ paymentFailed, topups },
    },
    quietHours: quietHours && {
      from: timeJson(quietHours.from),
      to: timeJson(quietHours.to),
      timeZone: quietHours.timeZone,
    },
  }
}

const thresholdsJson = (amounts: Thresholds) =>
  Object.entries(amounts).map(([currency, amount]) => ({
    currency,
    amount: amountJson(amount, currency),
  }))

const timeJson = (minute: number) =>
  [Math.floor(minute / 60), minute % 60].map((n) => String(n).padStart(2, '0')).join(':')
