import { createBalanceClient } from '../../client/client.ts'
import type { ClientEvents } from '../../client/index.ts'
import { describeRedis, parseRedisAddress, type RedisTarget } from '../../config/redis-address.ts'
import { type EventMessage, LEDGER_EVENTS } from '../../ledger/event.ts'
import { DEFAULT_TENANT } from '../../lib/identity.ts'
import { parseJson, stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import { sleep } from '../../lib/timeout.ts'
import { dataFolderOf } from '../../local/postgres.ts'
import { runningRedis } from '../../local/redis.ts'
import { SHARDS_KEY } from '../../realtime/bus/keys.ts'
import {
  connectRedis,
  followErrors,
  openSubscriber,
  type RedisConnections,
} from '../../realtime/bus/redis-connections.ts'
import { failureOf, type RedisFailure } from '../../realtime/bus/redis-failure.ts'
import { CLUSTER_SHARDS, Shards, UPDATES_CHANNEL } from '../../realtime/bus/shards.ts'
import { type Call, type CommandConfig, CommandFailed, command, UsageError } from '../command.ts'
import { serverUrl, signToken, tokenSeconds } from '../server-api.ts'

const OPTIONS = {
  user: { type: 'string', value: 'id', description: 'Only events of this user.' },
  tenant: { type: 'string', value: 'name', description: 'Only events of this tenant.' },
  event: { type: 'string', value: 'name', description: 'Only events with this name.' },
  url: { type: 'string', value: 'url', description: 'Follow a server instead of Redis.' },
} as const

export const tailCommand = command({
  name: 'tail',
  summary: 'Print events as they happen, until Ctrl-C',
  details: `Listens to the Redis of REDIS_URL, or of the server that runs on DATA_DIR, and prints every new event of all
processes and tenants, over all channels if users are divided into shards. Without Redis, or with --url, it follows
the stream of one user on a server, with a token that it signs for that user. Such a stream begins with the balance and has no gap after a restart of the server.
With --json each event is one line.`,
  options: OPTIONS,
  async run(call) {
    const { options, config } = call
    const target = options.url === undefined ? (config.redis ?? ownRedis(config)) : undefined
    const names: readonly string[] = target === undefined ? STREAM_EVENTS : LEDGER_EVENTS
    if (options.event !== undefined && !names.includes(options.event)) {
      throw new UsageError(`--event is one of ${names.join(', ')}`)
    }
    if (target?.kind === 'cluster') return followCluster(target, call)
    if (target !== undefined) return followRedis(target, call)
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

/** The events in a stream of a server. Those about the connection itself are never sent over Redis. */
const STREAM_EVENTS = [
  'balance_initial',
  ...LEDGER_EVENTS,
  'token_expiring',
] as const satisfies readonly (keyof ClientEvents)[]

type TailCall = Call<typeof OPTIONS>

function ownRedis({ databaseUrl, dataDir }: CommandConfig): RedisTarget | undefined {
  const url = databaseUrl === undefined ? runningRedis(dataFolderOf(dataDir)) : undefined
  return url === undefined ? undefined : parseRedisAddress(url)
}

/** Prints what the options ask for. */
function printer({ options, json, terminal }: TailCall) {
  const { user, tenant, event } = options
  return (_channel: string, text: string) => {
    const update = messageIn(text)
    if (!update) return
    if (user !== undefined && update.userId !== user) return
    if (tenant !== undefined && update.tenantId !== tenant) return
    if (event !== undefined && update.event !== event) return
    terminal.print(json ? text : eventLine(update))
  }
}

/** How long a cluster has to answer at first, and the pause before the next attempt afterwards. */
const CLUSTER_TIMEOUT_MS = 5000
const CLUSTER_RETRY_MS = 500

async function followCluster(target: RedisTarget, call: TailCall): Promise<0 | 1> {
  const { terminal, interrupted } = call
  let failure: RedisFailure | undefined
  const connections = connectRedis(target, CLUSTER_TIMEOUT_MS, {
    failed: (error) => {
      failure = failureOf(error, target)
    },
    closed: () => {},
  })
  const host = describeRedis(target)
  try {
    const deadline = performance.now() + CLUSTER_TIMEOUT_MS
    let shards: Shards
    for (;;) {
      try {
        shards = await subscribeToShards(connections)
        break
      } catch (error) {
        const { isRefusal, reason, check } = failure ?? failureOf(error, target)
        if (performance.now() > deadline || failure) {
          throw new CommandFailed(
            isRefusal ? 'refused' : 'unreachable',
            `cannot listen to Redis at ${host}: ${reason}. Check: ${check}`,
          )
        }
        await sleep(50)
      }
    }
    terminal.note(`Listening to ${shards.count} shards of ${UPDATES_CHANNEL} at ${host}`)
    let over = false
    let restoring: Promise<void> | undefined
    const restore = async () => {
      while (!over) {
        connections.reopen()
        await sleep(CLUSTER_RETRY_MS, { unref: true })
        const restored = await subscribeToShards(connections).catch(() => undefined)
        if (restored) return terminal.note('Connected again')
      }
    }
    connections.lines?.listen({
      message: printer(call),
      lost: () => {
        if (over || restoring) return
        terminal.note('The connection was lost: events may be missing here')
        restoring = restore().finally(() => {
          restoring = undefined
        })
      },
    })
    await interrupted()
    over = true
    return 0
  } finally {
    connections.close()
  }
}

/** As many as the servers have agreed on. */
async function subscribeToShards({ commands, lines }: RedisConnections): Promise<Shards> {
  const agreed = await commands.get(SHARDS_KEY)
  const shards = new Shards(Number(agreed ?? CLUSTER_SHARDS), true)
  await lines?.subscribe(shards.channels.map((_, shard) => shards.lineOf(shard)))
  return shards
}

async function followRedis(target: RedisTarget, call: TailCall): Promise<0 | 1> {
  const { terminal, interrupted } = call
  const redis = openSubscriber(target, { lazyConnect: true, autoResubscribe: true })
  const host = describeRedis(target)
  const known = (error: unknown) => failureOf(error, target)
  /** The last error, because `connect` rejects only with "Connection is closed". */
  let failure: RedisFailure | undefined
  let listening = false
  let noted: string | undefined
  const failed = new Promise<never>((_, reject) => {
    followErrors(redis, (error) => {
      failure = known(error)
      reject(error)
      if (listening && failure.reason !== noted) {
        noted = failure.reason
        terminal.note(`No connection yet, trying again: ${noted}`)
      }
    })
  })
  failed.catch(() => {})
  const print = printer(call)
  redis.on('message', print)
  redis.on('pmessage', (_, channel: string, text: string) => print(channel, text))
  try {
    try {
      const connected = redis.connect()
      connected.catch(() => {})
      // Sentinels are asked again and again, so the attempt itself does not end.
      await Promise.race([connected, failed])
      await redis.subscribe(UPDATES_CHANNEL)
      // The channels of shards, if there are several. A user without that right may listen to the only one.
      await redis.psubscribe(`${UPDATES_CHANNEL}:*`).catch(() => {})
    } catch (error) {
      const { isRefusal, reason, check } = failure ?? known(error)
      throw new CommandFailed(
        isRefusal ? 'refused' : 'unreachable',
        `cannot listen to Redis at ${host}: ${reason}. Check: ${check}`,
      )
    }
    // A script can wait for this line. Earlier events are not printed.
    terminal.note(`Listening to ${UPDATES_CHANNEL} at ${host}`)
    redis.on('close', () => {
      terminal.note('The connection was lost: events may be missing here')
    })
    listening = true
    redis.on('ready', () => {
      noted = undefined
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
    // A probe of a server, or a message of another program.
    return undefined
  }
}

async function followServer(userId: string, call: TailCall): Promise<0 | 1> {
  const { options, json, terminal, config, interrupted } = call
  const tenant = options.tenant
  const server = serverUrl(config, options.url)
  const claims = {
    sub: userId,
    expiresIn: tokenSeconds(config),
    ...(tenant !== undefined && { tenant }),
  }
  const getToken = () => signToken(config, claims)
  // Fails now if no token can be signed. The client would repeat it forever.
  await getToken()
  const client = createBalanceClient({ url: server, transport: 'sse', getToken })
  try {
    const show = (event: string, payload: object) => {
      if (options.event !== undefined && options.event !== event) return
      const printed = { event, userId, ...payload }
      terminal.print(json ? stringifyJson(printed) : eventLine(printed))
    }
    client.on('balance_initial', (payload) => show('balance_initial', payload))
    client.on('token_expiring', (payload) => show('token_expiring', payload))
    client.on('*', ({ event, ...payload }) => show(event, payload))
    const refused = new Promise<CommandFailed>((resolve) => {
      let noted: string | undefined
      client.subscribe(() => {
        const { status, error } = client.getSnapshot()
        if (status.state === 'refused') {
          resolve(new CommandFailed(error?.code ?? 'refused', error?.message ?? 'refused'))
        }
        const text = statusLine(status.state, error?.message, new URL(server).origin)
        if (text !== undefined && text !== noted) terminal.note(text)
        noted = text ?? noted
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

/** An event from the channel in Redis or from the stream of a server. */
export interface PrintedEvent extends Omit<Partial<EventMessage>, 'event'> {
  event: string
  userId: string
  /** Only in `balance_initial`. */
  balance?: number
  /** Only in `token_expiring`. */
  expiresAt?: string
}

/** `10:30:00.123  alice  balance_updated  +50 USD, now 150 USD  topup` */
export function eventLine(printed: PrintedEvent): string {
  const { event, timestamp, tenantId, userId, transactionType, status } = printed
  const who =
    tenantId === undefined || tenantId === DEFAULT_TENANT ? userId : `${tenantId}/${userId}`
  const time = timestamp === undefined ? '' : timestamp.slice(11, 23)
  return [time.padEnd(12), who, event, about(printed), transactionType, status]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => printable(String(part)))
    .join('  ')
}

function about(printed: PrintedEvent): string {
  const { event, amount, currency, newBalance, balance = newBalance } = printed
  // The amount of a failed transaction did not move.
  const failed = event === 'transaction_failed'
  return [
    amount !== undefined && `${failed ? unsigned(amount) : signed(amount)} ${currency}`,
    printed.shortfall !== undefined &&
      `${printed.requiredAmount} ${currency} asked, ${printed.shortfall} missing`,
    printed.threshold !== undefined && `${printed.direction} ${printed.threshold} ${currency}`,
    balance !== undefined && !failed && `now ${balance} ${currency}`,
    printed.expiresAt !== undefined && `at ${printed.expiresAt}`,
  ]
    .filter(Boolean)
    .join(', ')
}

type Amount = NonNullable<PrintedEvent['amount']>

const unsigned = (amount: Amount) => String(amount).replace('-', '')
const signed = (amount: Amount) => `${String(amount).startsWith('-') ? '' : '+'}${amount}`
