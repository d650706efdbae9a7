import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../src/local/ports.ts'
import { slotOf } from '../../../src/realtime/bus/shards.ts'
import { type ConfiguredRedis, eventually, startConfiguredRedis } from '../index.ts'

const run = promisify(execFile)

/** A replica takes over from a primary that was silent for this time. */
const NODE_TIMEOUT_MS = 1000

export interface ClusterNode extends ConfiguredRedis {
  admin: Redis
}

export interface TestCluster {
  /** For `REDIS_CLUSTER`. */
  hosts: string
  nodes: ClusterNode[]
  /** The node that serves the slot of this hash tag. */
  primaryOf(tag: string): Promise<ClusterNode>
  /** Resolves when another node serves that slot, with the time of it (`performance.now()`). */
  takenOverFrom(node: ClusterNode, tag: string): Promise<number>
  /** Moves the slot of this hash tag to another primary, with everything that is done between. */
  moveSlot(tag: string, whileMoving?: (from: ClusterNode) => Promise<unknown>): Promise<void>
  /** Resolves when each node knows who serves the slots, and each replica has its primary's data. */
  healthy(): Promise<void>
}

/** With which the test itself connects. */
export interface TlsFiles {
  ca: string
  cert: string
  key: string
}

export function tlsOptions({ ca, cert, key }: TlsFiles) {
  return {
    ca: readFileSync(ca),
    cert: readFileSync(cert),
    key: readFileSync(key),
    checkServerIdentity: () => undefined,
  }
}

function tlsWords(tls: TlsFiles | undefined): string[] {
  return tls ? ['--tls', '--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key] : []
}

/** Three primaries with a replica each. Ends with the test. */
export async function startCluster(
  configuration: readonly string[] = [],
  tls?: TlsFiles,
): Promise<TestCluster> {
  const options = tls && { tls: tlsOptions(tls) }
  const nodes = await Promise.all(
    Array.from({ length: 6 }, async (): Promise<ClusterNode> => {
      const node = await startConfiguredRedis([
        'cluster-enabled yes',
        `cluster-port ${await freePort()}`,
        `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
        'cluster-replica-validity-factor 0',
        'repl-diskless-sync-delay 0',
        ...configuration,
      ])
      const admin = new Redis(node.port, {
        retryStrategy: () => 100,
        maxRetriesPerRequest: 0,
        commandTimeout: 5000,
        ...options,
      })
      admin.on('error', () => {})
      onTestFinished(() => admin.disconnect())
      return { ...node, admin }
    }),
  )
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const words = [
    '--cluster',
    'create',
    ...addresses,
    '--cluster-replicas',
    '1',
    '--cluster-yes',
    ...tlsWords(tls),
  ]
  await run('redis-cli', words).catch((error) => {
    if (error.code !== 'ENOENT') throw error
    return run('valkey-cli', words)
  })
  const healthy = () =>
    eventually(async () => {
      for (const { admin } of nodes) {
        expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok')
        expect(await admin.info('replication')).not.toContain('master_link_status:down')
      }
    })
  await healthy()

  /** Asks every node that answers: they may not agree yet. */
  async function ownersOf(slot: number): Promise<(number | undefined)[]> {
    const answers = await Promise.allSettled(nodes.map(({ admin }) => admin.cluster('SLOTS')))
    return answers.flatMap((answer) => {
      if (answer.status === 'rejected') return []
      const ranges = answer.value as unknown as [number, number, [string, number]][]
      return [ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1]]
    })
  }

  async function primaryOf(tag: string): Promise<ClusterNode> {
    const [owner, ...others] = await ownersOf(slotOf(tag))
    for (const other of others) expect(other).toBe(owner)
    const node = nodes.find(({ port }) => port === owner)
    if (!node) throw new Error('no node serves the slot')
    return node
  }

  return {
    hosts: addresses.slice(0, 2).join(','),
    nodes,
    primaryOf,
    healthy,
    async takenOverFrom(node, tag) {
      await eventually(async () => {
        const owners = await ownersOf(slotOf(tag))
        expect(owners.some((owner) => owner !== undefined && owner !== node.port)).toBe(true)
      })
      return performance.now()
    },
    async moveSlot(tag, whileMoving) {
      const slot = slotOf(tag)
      const from = await primaryOf(tag)
      const primaries = await Promise.all(
        nodes.map(async (node) => (await node.admin.role())[0] === 'master' && node !== from),
      )
      const to = nodes[primaries.indexOf(true)] as ClusterNode
      const [fromId, toId] = await Promise.all([
        from.admin.cluster('MYID'),
        to.admin.cluster('MYID'),
      ])
      await to.admin.cluster('SETSLOT', slot, 'IMPORTING', fromId as string)
      await from.admin.cluster('SETSLOT', slot, 'MIGRATING', toId as string)
      await whileMoving?.(from)
      const keys = (await from.admin.cluster('GETKEYSINSLOT', slot, 1000)) as string[]
      if (keys.length > 0)
        await from.admin.migrate('127.0.0.1', to.port, '', 0, 1000, 'KEYS', ...keys)
      await to.admin.cluster('SETSLOT', slot, 'NODE', toId as string)
      await from.admin.cluster('SETSLOT', slot, 'NODE', toId as string)
    },
  }
}
