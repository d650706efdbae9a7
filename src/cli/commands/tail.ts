import { Redis } from 'ioredis'
import { createBalanceClient } from '../../client/client.ts'
import type { ClientEvents } from '../../client/index.ts'
import { type EventMessage, LEDGER_EVENTS } from '../../ledger/event.ts'
import { parseJson, stringifyJson } from '../../lib/json.ts'
import { dataFolderOf } from '../../local/postgres.ts'
import { runningRedis } from '../../local/redis.ts'
import { UPDATES_CHANNEL } from '../../realtime/bus/bus.ts'
import { failureOf, type RedisFailure } from '../../realtime/bus/redis-failure.ts'
import { type Call, CommandFailed, command, UsageError } from '../command.ts'
import type { CommandConfig } from '../config.ts'
import { eventLine } from '../event-line.ts'
import { ownLife, signToken } from '../server-token.ts'
import { serverUrl } from '../server-url.ts'

const OPTIONS = {
  user: { type: 'string', value: 'id', description: 'Events of this user alone.' },
  tenant: { type: 'string', value: 'name', description: 'Events of this tenant alone.' },
  event: { type: 'string', value: 'name', description: 'Events of this name alone.' },
  url: { type: 'string', value: 'url', description: 'Follow a server instead of Redis.' },
} as const

export const tailCommand = command({
  name: 'tail',
  summary: 'Print events as they happen, until Ctrl-C',
  details: `Listens to the Redis of REDIS_URL, or of the server that runs on DATA_DIR: every event of every process, of
all tenants, from now on. Where there is no Redis, or with --url, it follows one user's stream of a server
instead, with a token that it signs for that user; the stream begins with the balance, and survives a
restart of the server without a gap. With --json each event is one line.`,
  options: OPTIONS,
  async run(call) {
    const { options, config } = call
    const redisUrl = options.url === undefined ? (config.redisUrl ?? ownRedis(config)) : undefined
    const names: readonly string[] = redisUrl === undefined ? STREAM_EVENTS : LEDGER_EVENTS
    if (options.event !== undefined && !names.includes(options.event)) {
      throw new UsageError(`--event is one of ${names.join(', ')}`)
    }
    if (redisUrl !== undefined) return followRedis(redisUrl, call)
    if (options.user === undefined) {
      throw new UsageError(
        options.url === undefined
          ? 'there is no Redis to listen to: set REDIS_URL, or name a --user to follow on a server'
          : '--url goes with --user: a server shows one user’s stream',
      )
    }
    return followServer(options.user, call)
  },
})

/** Those of a server's stream: what it says of the connection itself never travels over Redis. */
const STREAM_EVENTS = [
  'balance_initial',
  ...LEDGER_EVENTS,
  'token_expiring',
] as const satisfies readonly (keyof ClientEvents)[]

type TailCall = Call<typeof OPTIONS>

function ownRedis({ databaseUrl, dataDir }: CommandConfig): string | undefined {
  return databaseUrl === undefined ? runningRedis(dataFolderOf(dataDir)) : undefined
}

async function followRedis(
  url: string,
  { options, json, terminal, interrupted }: TailCall,
): Promise<0 | 1> {
  const { user, tenant, event } = options
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3000,
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(1000, 50 * 2 ** attempt),
  })
  const { host, password } = new URL(url)
  const known = (error: unknown) => failureOf(error, decodeURIComponent(password))
  /** The last thing that went wrong: what `connect` rejects with says only that the connection is closed. */
  let failure: RedisFailure | undefined
  redis.on('error', (error) => {
    failure = known(error)
  })
  redis.on('message', (_, text: string) => {
    const update = messageIn(text)
    if (!update) return
    if (user !== undefined && update.userId !== user) return
    if (tenant !== undefined && update.tenantId !== tenant) return
    if (event !== undefined && update.event !== event) return
    terminal.print(json ? text : eventLine(update))
  })
  try {
    try {
      await redis.connect()
      await redis.subscribe(UPDATES_CHANNEL)
    } catch (error) {
      const { isRefusal, reason, check } = failure ?? known(error)
      throw new CommandFailed(
        isRefusal ? 'refused' : 'unreachable',
        `cannot listen to Redis at ${host}: ${reason}. Check: ${check}`,
      )
    }
    // Known lines are what a script can wait for; what happened before is not told.
    terminal.note(`Listening to ${UPDATES_CHANNEL} at ${host}`)
    redis.on('close', () => {
      terminal.note('The connection was lost: events may be missing here')
    })
    let told: string | undefined
    redis.on('error', (error) => {
      const { reason } = known(error)
      if (reason !== told) terminal.note(`No connection yet, trying again: ${reason}`)
      told = reason
    })
    redis.on('ready', () => {
      told = undefined
      terminal.note('Connected again')
    })
    await interrupted()
    return 0
  } finally {
    redis.removeAllListeners('close')
    redis.disconnect()
  }
}

function messageIn(text: string): EventMessage | undefined {
  try {
    const message = parseJson(text) as EventMessage | null
    return typeof message?.event === 'string' ? message : undefined
  } catch {
    // The probe of a server, or nothing of ours.
    return undefined
  }
}

async function followServer(userId: string, call: TailCall): Promise<0 | 1> {
  const { options, json, terminal, config, interrupted } = call
  const tenant = options.tenant
  const server = serverUrl(config, options.url)
  const claims = {
    sub: userId,
    expiresIn: ownLife(config),
    ...(tenant !== undefined && { tenant }),
  }
  const getToken = () => signToken(config, claims)
  // Where none can be signed, the client would try again forever.
  await getToken()
  const client = createBalanceClient({ url: server, transport: 'sse', getToken })
  try {
    const show = (event: string, payload: object) => {
      if (options.event !== undefined && options.event !== event) return
      const told = { event, userId, ...payload }
      terminal.print(json ? stringifyJson(told) : eventLine(told))
    }
    client.on('balance_initial', (payload) => show('balance_initial', payload))
    client.on('token_expiring', (payload) => show('token_expiring', payload))
    client.on('*', ({ event, ...payload }) => show(event, payload))
    const refused = new Promise<CommandFailed>((resolve) => {
      let told: string | undefined
      client.subscribe(() => {
        const { status, error } = client.getSnapshot()
        if (status.state === 'refused') {
          resolve(new CommandFailed(error?.code ?? 'refused', error?.message ?? 'refused'))
        }
        const text = statusLine(status.state, error?.message, new URL(server).origin)
        if (text !== undefined && text !== told) terminal.note(text)
        told = text ?? told
      })
    })
    const failure = await Promise.race([refused, interrupted()])
    if (failure instanceof CommandFailed) throw failure
    return 0
  } finally {
    client.close()
  }
}

function statusLine(state: string, trouble: string | undefined, server: string) {
  if (state === 'live') return `Following the stream at ${server}`
  if (trouble !== undefined) return `No stream from ${server} now, trying again: ${trouble}`
  return undefined
}
