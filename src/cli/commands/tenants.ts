import { randomUUID } from 'node:crypto'
import { parseStrictJson, stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import { type Call, command, UsageError } from '../command.ts'
import { operatorApi, PLATFORM_NOTE, PLATFORM_OPTIONS, take } from '../server-api.ts'
import { table } from '../terminal.ts'

type Options = Call<typeof PLATFORM_OPTIONS>

const apiOf = async ({ config, options }: Pick<Options, 'config' | 'options'>) =>
  (await operatorApi(config, options)).platform.tenants

/** The same key for every attempt of a call. */
const keyed = () => ({ headers: { 'Idempotency-Key': randomUUID() } })

/** The id of the tenant, and the settings as JSON that may follow it. */
function named(args: readonly string[], withSettings = false) {
  const [id, text, more] = args
  if (id === undefined || more !== undefined || (text !== undefined && !withSettings)) {
    throw new UsageError('name one tenant by its id')
  }
  return { id, settings: text === undefined ? {} : settingsIn(text) }
}

/** The server checks them. */
function settingsIn(text: string): object {
  try {
    const settings = parseStrictJson(text)
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
      return settings
    }
  } catch {
    // As another text that is no object.
  }
  throw new UsageError('settings are a JSON object such as {"currency":"EUR"}')
}

export const listTenants = command({
  name: 'tenants list',
  summary: 'List the tenants that were made',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    search: { type: 'string', value: 'text', description: 'A part of the id or the name.' },
    suspended: { type: 'boolean', description: 'Only suspended ones.' },
    limit: { type: 'string', value: 'n', description: 'Tenants, at most 100. Default: 50.' },
  },
  async run(call) {
    const { search, suspended, limit = '50' } = call.options
    if (!/^(100|[1-9]\d?)$/.test(limit)) throw new UsageError('--limit is a number from 1 to 100')
    const query = {
      limit,
      ...(search !== undefined && { search }),
      ...(suspended && { suspended: 'true' as const }),
    }
    const { items } = await take((await apiOf(call)).$get({ query }))
    const rows = items.map((tenant) => [
      printable(tenant.id),
      tenant.suspended ? 'suspended' : 'active',
      tenant.currency ?? '',
      tenant.identity?.kind ?? '',
      tenant.createdAt,
      printable(tenant.name),
    ])
    const head = ['ID', 'STATE', 'CURRENCY', 'KEYS', 'CREATED', 'NAME']
    call.terminal.print(call.json ? stringifyJson({ items }) : table(head, rows))
    return 0
  },
})

export const createTenant = command({
  name: 'tenants create',
  args: '<id> [settings]',
  summary: 'Make a tenant',
  details: `${PLATFORM_NOTE}
Settings are JSON, such as '{"currency":"EUR"}': see docs/guide/tenants.md.`,
  options: {
    ...PLATFORM_OPTIONS,
    name: { type: 'string', value: 'text', description: 'For people. Default: the id.' },
  },
  async run(call) {
    const { id, settings } = named(call.args, true)
    const json = { id, name: call.options.name ?? id, ...settings }
    const made = await take((await apiOf(call)).$post({ json }, keyed()))
    call.terminal.print(call.json ? stringifyJson(made) : `${printable(made.id)}  made`)
    return 0
  },
})

export const setTenant = command({
  name: 'tenants set',
  args: '<id> [settings]',
  summary: 'Change settings of a tenant; without any, show them',
  details: `${PLATFORM_NOTE}
Settings are JSON, such as '{"currency":"EUR","maxRate":null}': null makes one the server's again.`,
  options: {
    ...PLATFORM_OPTIONS,
    name: { type: 'string', value: 'text', description: 'For people.' },
  },
  async run(call) {
    const { id, settings } = named(call.args, true)
    const { name } = call.options
    const api = (await apiOf(call))[':id']
    const json = { ...(name !== undefined && { name }), ...settings }
    const tenant =
      Object.keys(json).length === 0
        ? await take(api.$get({ param: { id } }))
        : await take(api.$patch({ param: { id }, json }, keyed()))
    const lines = Object.entries(tenant).map(([field, value]) => [field, JSON.stringify(value)])
    call.terminal.print(call.json ? stringifyJson(tenant) : table(['SETTING', 'VALUE'], lines))
    return 0
  },
})

export const suspendTenant = command({
  name: 'tenants suspend',
  args: '<id>',
  summary: 'Let nobody of a tenant in; nothing is lost',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    reason: { type: 'string', value: 'text', description: 'Only operators see it.' },
  },
  async run(call) {
    const { id } = named(call.args)
    const { reason } = call.options
    const json = reason === undefined ? {} : { reason }
    const api = (await apiOf(call))[':id'].suspend
    const tenant = await take(api.$post({ param: { id }, json }, keyed()))
    call.terminal.print(call.json ? stringifyJson(tenant) : `${printable(id)}  suspended`)
    return 0
  },
})

export const resumeTenant = command({
  name: 'tenants resume',
  args: '<id>',
  summary: 'Let a tenant in again',
  details: PLATFORM_NOTE,
  options: PLATFORM_OPTIONS,
  async run(call) {
    const { id } = named(call.args)
    const api = (await apiOf(call))[':id'].resume
    const tenant = await take(api.$post({ param: { id }, json: {} }, keyed()))
    call.terminal.print(call.json ? stringifyJson(tenant) : `${printable(id)}  active`)
    return 0
  },
})

export const tenantUsage = command({
  name: 'tenants usage',
  args: '<id>',
  summary: 'Show how much a tenant uses the server',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    from: { type: 'string', value: 'time', description: 'ISO 8601. Default: 30 days ago.' },
    to: { type: 'string', value: 'time', description: 'ISO 8601. Default: now.' },
  },
  async run(call) {
    const { id } = named(call.args)
    const { from, to } = call.options
    const query = {
      requests: 'day' as const,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    }
    const usage = await take((await apiOf(call))[':id'].usage.$get({ param: { id }, query }))
    const rows = [
      ['users', `${usage.users}, ${usage.newUsers} of them new`],
      ['events', String(usage.events)],
      ...usage.currencies.map(({ currency, transactions, volume }) => [
        currency,
        `${volume} in ${transactions} transactions`,
      ]),
      ['requests of a day', String(usage.requests.count)],
      ['open streams', String(usage.connections)],
      ['API keys', String(usage.keys)],
    ]
    const text = table([`${usage.from} TO`, usage.to], rows)
    call.terminal.print(call.json ? stringifyJson(usage) : text)
    return 0
  },
})
