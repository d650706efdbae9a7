import { randomUUID } from 'node:crypto'
import { KEY_ROLES, type KeyRole } from '../../auth/api-key.ts'
import { SCOPES, type Scope } from '../../auth/scopes.ts'
import { DEFAULT_TENANT } from '../../lib/identity.ts'
import { stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import { type Call, command, UsageError } from '../command.ts'
import { operatorApi, PLATFORM_NOTE, PLATFORM_OPTIONS, take } from '../server-api.ts'
import { table } from '../terminal.ts'

type Options = Call<typeof PLATFORM_OPTIONS>

const apiOf = async ({ config, options }: Pick<Options, 'config' | 'options'>) =>
  (await operatorApi(config, options)).platform.keys

/** The same key for every attempt of a call. */
const keyed = () => ({ headers: { 'Idempotency-Key': randomUUID() } })

const one = ([id, more]: readonly string[]): { id: string } => {
  if (id === undefined || more !== undefined) throw new UsageError('name one key by its id')
  return { id }
}

/** @throws UsageError for a name that is none of `allowed` */
function names<T extends string>(option: string, text: string, allowed: readonly T[]): T[] {
  const found = text.split(',').map((part) => part.trim())
  const unknown = found.find((name) => !(allowed as readonly string[]).includes(name))
  if (unknown !== undefined) throw new UsageError(`--${option} can be ${allowed.join(', ')}`)
  return found as T[]
}

export const listKeys = command({
  name: 'keys list',
  summary: 'List the API keys of a tenant, or of all',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    tenant: { type: 'string', value: 'id', description: 'Only its keys.' },
    limit: { type: 'string', value: 'n', description: 'Keys, at most 100. Default: 50.' },
  },
  async run(call) {
    const { tenant, limit = '50' } = call.options
    if (!/^(100|[1-9]\d?)$/.test(limit)) throw new UsageError('--limit is a number from 1 to 100')
    const query = { limit, ...(tenant !== undefined && { tenant }) }
    const { items } = await take((await apiOf(call)).$get({ query }))
    const rows = items.map((key) => [
      key.id,
      printable(key.tenant),
      key.revokedAt === null ? (key.expiresAt ?? 'works') : 'revoked',
      key.roles.join(','),
      key.scopes?.join(',') ?? 'all',
      key.lastUsedAt ?? 'never',
      printable(key.name),
    ])
    const head = ['ID', 'TENANT', 'UNTIL', 'ROLES', 'SCOPES', 'LAST USED', 'NAME']
    const text = rows.length === 0 ? 'There are none.' : table(head, rows)
    call.terminal.print(call.json ? stringifyJson({ items }) : text)
    return 0
  },
})

export const createKey = command({
  name: 'keys create',
  args: '<name>',
  summary: 'Make an API key; prints it, and it is not shown again',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    tenant: { type: 'string', value: 'id', description: 'Default: `default`.' },
    roles: {
      type: 'string',
      value: 'list',
      description: `${KEY_ROLES.join(' or ')}, or both. Default: service.`,
    },
    scopes: {
      type: 'string',
      value: 'list',
      description: `Separated by commas: ${SCOPES.join(', ')}. Default: all.`,
    },
    user: { type: 'string', value: 'id', description: 'The actor that the ledger names.' },
    expires: { type: 'string', value: 'time', description: 'ISO 8601. Default: never.' },
  },
  async run(call) {
    const { tenant = DEFAULT_TENANT, roles = 'service', scopes, user, expires } = call.options
    const [name, more] = call.args
    if (name === undefined || more !== undefined) throw new UsageError('give the key one name')
    const made = await take(
      (await apiOf(call)).$post(
        {
          json: {
            ...{ tenant, name, roles: names<KeyRole>('roles', roles, KEY_ROLES) },
            scopes: scopes === undefined ? null : names<Scope>('scopes', scopes, SCOPES),
            ...(user !== undefined && { userId: user }),
            expiresAt: expires ?? null,
          },
        },
        keyed(),
      ),
    )
    call.terminal.print(call.json ? stringifyJson(made) : `${made.id}\nkey: ${made.key}`)
    return 0
  },
})

export const rotateKey = command({
  name: 'keys rotate',
  args: '<id>',
  summary: 'Replace an API key; prints the new one, and it is not shown again',
  details: PLATFORM_NOTE,
  options: {
    ...PLATFORM_OPTIONS,
    overlap: {
      type: 'string',
      value: 'seconds',
      description: 'How long the key before works too. Default: a day.',
    },
  },
  async run(call) {
    const { overlap } = call.options
    if (overlap !== undefined && !/^\d{1,6}$/.test(overlap)) {
      throw new UsageError('--overlap is a number of seconds')
    }
    const json = overlap === undefined ? {} : { overlapSeconds: Number(overlap) }
    const api = await apiOf(call)
    const made = await take(api[':id'].rotate.$post({ param: one(call.args), json }, keyed()))
    const note =
      made.previousUntil === null ? '' : `\nthe key before works until ${made.previousUntil}`
    call.terminal.print(call.json ? stringifyJson(made) : `key: ${made.key}${note}`)
    return 0
  },
})

export const revokeKey = command({
  name: 'keys revoke',
  args: '<id>',
  summary: 'End an API key for good',
  details: PLATFORM_NOTE,
  options: PLATFORM_OPTIONS,
  async run(call) {
    const api = await apiOf(call)
    const key = await take(api[':id'].$delete({ param: one(call.args) }))
    call.terminal.print(call.json ? stringifyJson(key) : 'revoked')
    return 0
  },
})
