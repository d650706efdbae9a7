import { createConnection } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisHost, RedisTarget } from '../../config/redis-address.ts'
import { ClusterLines } from './cluster-lines.ts'
import { SentinelErrors, watchFailovers } from './redis-sentinel.ts'
import { slotOf } from './shards.ts'

/** Options without the mapping of answers, whose type ioredis derives from the literal. */
type Options = Omit<RedisOptions, 'replyMapping'>

/** The connection that does everything but subscribing. */
export type RedisCommands = Redis | Cluster

export interface ConnectionEvents {
  /** A server could not be reached, or refused the login. */
  failed(error: unknown): void
  /** A connection that commands go over has closed, so an answer may have been lost. */
  closed(): void
}

/** All connections of one process to its Redis. */
export interface RedisConnections {
  readonly commands: RedisCommands
  /** Subscribes, and does nothing else. It does not subscribe again by itself. */
  readonly subscriber: Redis
  /** In a cluster: the subscriptions to shards. */
  readonly lines: ClusterLines | undefined
  /** Whether commands can be sent, in a cluster to each primary. */
  readonly isReady: boolean
  /** One for each server that takes writes: a key with this hash tag leads to it. */
  probeTags(): string[]
  /** The address may lead to another server by now: looks again. */
  reopen(): void
  close(): void
}

/** A server that does not close its side in this time is left. */
const DISCONNECT_TIMEOUT_MS = 500

/** How often a cluster is asked for its nodes while nothing indicates a change. */
const NODES_REFRESH_MS = 30_000

const backoffMs = (attempt: number) => Math.min(1000, 25 * 2 ** attempt) * (0.5 + Math.random())

/** Of every connection. Without the ready check the user needs no right to INFO; a loading Redis says so itself. */
const SHARED = {
  connectTimeout: 2000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: backoffMs,
  enableReadyCheck: false,
  disableClientInfo: true,
  autoResendUnfulfilledCommands: false,
} satisfies Options

/** Opens the connections that a target asks for. Nothing queues: a command without a connection fails. */
export function connectRedis(
  target: RedisTarget,
  commandTimeoutMs: number,
  events: ConnectionEvents,
): RedisConnections {
  const options = {
    ...SHARED,
    connectionName: 'livebalance',
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 0,
  }
  if (target.kind === 'cluster') return connectCluster(target, options, events)
  const commands = new Redis({
    ...options,
    ...serverOptions(target),
    enableOfflineQueue: false,
  })
  const subscriber = openSubscriber(target)
  followErrors(commands, events.failed)
  commands.on('close', () => events.closed())
  followErrors(subscriber, events.failed)
  const reopen = () => {
    reconnect(commands)
    reconnect(subscriber)
  }
  const stopWatching = target.kind === 'sentinel' ? watchFailovers(target, reopen) : () => {}
  return {
    commands,
    subscriber,
    lines: undefined,
    get isReady() {
      return commands.status === 'ready'
    },
    probeTags: () => [''],
    reopen,
    close() {
      stopWatching()
      subscriber.disconnect()
      commands.disconnect()
    },
  }
}

/**
 * Opens the connection that subscribes. On a cluster each attempt goes to another node.
 * @param known nodes of the cluster that were found since
 */
export function openSubscriber(
  target: RedisTarget,
  options: Options = {},
  known: () => readonly RedisHost[] = () => [],
): Redis {
  return new Redis({
    ...SHARED,
    connectionName: 'livebalance-subscriber',
    autoResubscribe: false,
    maxRetriesPerRequest: null,
    ...serverOptions(target),
    ...(target.kind === 'cluster' && {
      Connector: nodeConnector(target, () => (known().length > 0 ? known() : target.nodes)),
    }),
    ...options,
  })
}

/** Closes the connection if there is one, so that it is opened again. While one is being opened, nothing is to do. */
export function reconnect(redis: Redis): void {
  // In other states ioredis would give up for good: its Sentinel connector cannot be interrupted.
  if (redis.status === 'connect' || redis.status === 'ready') redis.disconnect(true)
}

function serverOptions(target: RedisTarget): Options {
  const { username, password, database, tls } = target
  const login = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    db: database,
  }
  if (target.kind === 'cluster') return login
  if (target.kind === 'single') return { ...login, ...target.server }
  const { sentinels, masterName, sentinelLogin, sentinelTls, natMap } = target
  return {
    ...login,
    sentinels: [...sentinels],
    name: masterName,
    enableTLSForSentinelMode: tls !== undefined,
    ...(sentinelTls && { sentinelTLS: sentinelTls }),
    ...(sentinelLogin.username !== undefined && { sentinelUsername: sentinelLogin.username }),
    ...(sentinelLogin.password !== undefined && { sentinelPassword: sentinelLogin.password }),
    sentinelCommandTimeout: 1000,
    sentinelRetryStrategy: backoffMs,
    natMap,
  }
}

/** Tells of the errors of a connection, of those of Sentinels with what they mean. */
export function followErrors(redis: Redis, failed: (error: unknown) => void): void {
  const sentinels = new SentinelErrors()
  redis.on('sentinelError', (error: Error) => sentinels.add(error))
  redis.on('error', (error: Error & { command?: { name: string } }) => {
    failed(sentinels.explain(error))
    // Otherwise ioredis would go on in database 0.
    if (error.command?.name === 'select') redis.disconnect(true)
  })
}

type ClusterTarget = Extract<RedisTarget, { kind: 'cluster' }>

function connectCluster(
  target: ClusterTarget,
  options: Options,
  events: ConnectionEvents,
): RedisConnections {
  const { retryStrategy: _, ...redisOptions } = { ...options, ...serverOptions(target) }
  const commands = new Cluster([...target.nodes], {
    redisOptions,
    natMap: target.natMap,
    clusterRetryStrategy: backoffMs,
    // A cluster that is down says so in the answer to a command.
    enableReadyCheck: false,
    enableOfflineQueue: false,
    // Not repeated here: the caller repeats what failed, once the cluster takes it again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: NODES_REFRESH_MS,
    // Names stay names, for the certificates of nodes.
    dnsLookup: (host, callback) => callback(null, host),
  })
  /** Why a connection to a node ended. */
  const reasons = new WeakMap<Redis, Error>()
  commands.on('+node', (node: Redis) => {
    node.on('error', (error) => reasons.set(node, error))
    catchAsking(node)
    // Otherwise the first command opens it, and those that follow at once fail.
    if (!node.options.readOnly) node.connect().catch(() => {})
  })
  commands.on('-node', (node: Redis) => {
    if (node.options.readOnly) return
    const reason = reasons.get(node)
    if (reason) events.failed(reason)
    // Leads to `reopen`, though not more often than a node that stays away can bear.
    events.closed()
  })
  commands.on('error', (error: Error & { lastNodeError?: Error }) =>
    events.failed(error.lastNodeError ?? error),
  )
  commands.on('close', () => events.closed())
  const nodes = () =>
    commands.nodes().map(({ options: { host = '', port = 0 } }) => ({ host, port }))
  const subscriber = openSubscriber(target, {}, nodes)
  subscriber.on('error', events.failed)
  const once = { retryStrategy: () => null }
  const lines = new ClusterLines({
    cluster: commands,
    open: (node) => openSubscriber(target, once, () => [node]),
  })
  let tags: string[] = []
  return {
    commands,
    subscriber,
    lines,
    get isReady() {
      const primaries = commands.nodes('master')
      return commands.status === 'ready' && primaries.every(({ status }) => status === 'ready')
    },
    probeTags() {
      tags = tagsOfPrimaries(commands.slots, tags)
      return tags
    },
    // Only the nodes are asked again. The subscription leaves its node if no probe comes back over it.
    reopen: () => commands.refreshSlotsCache(),
    close() {
      lines.reset()
      subscriber.disconnect()
      commands.disconnect()
    },
  }
}

/** ioredis sends ASKING without looking at the answer, and an error of it would end the process. */
function catchAsking(node: Redis): void {
  const asking = node.asking.bind(node)
  node.asking = () => asking().catch(() => 'OK' as const)
}

/** More than enough to find a tag in each slot. */
const MAX_TAGS = 200_000

/**
 * For each primary a hash tag in one of its slots.
 * @param before the last answer, which mostly still holds
 */
export function tagsOfPrimaries(slots: readonly string[][], before: readonly string[]): string[] {
  const primaries = new Set(slots.flatMap((nodes) => nodes.slice(0, 1)))
  // Until the slots are known, any tag will do: the write fails, and says why.
  if (primaries.size === 0) return ['0']
  const found = new Map<string, string>()
  const consider = (tag: string) => {
    const primary = slots[slotOf(tag)]?.[0]
    if (primary !== undefined && !found.has(primary)) found.set(primary, tag)
  }
  for (const tag of before) consider(tag)
  for (let i = 0; i < MAX_TAGS && found.size < primaries.size; i++) consider(String(i))
  return [...found.values()]
}

/** Connects to one of the nodes, to the next one at each attempt. */
function nodeConnector({ tls }: ClusterTarget, nodes: () => readonly RedisHost[]) {
  let attempt = Math.floor(Math.random() * 1000)
  return class NodeConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_TIMEOUT_MS)
    }

    override async connect() {
      this.connecting = true
      const candidates = nodes()
      const server = candidates[attempt++ % candidates.length] as RedisHost
      this.stream = tls ? connectTls({ ...server, ...tls }) : createConnection(server)
      this.stream.once('error', (error) => {
        this.firstError = error
      })
      return this.stream
    }
  }
}
