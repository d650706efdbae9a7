import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { test as base, inject } from 'vitest'
import { ensureCluster, OWNER } from '../../../src/local/cluster.ts'
import { chooseAccount } from '../../../src/local/data-folder.ts'
import { type Postmaster, startPostmaster } from '../../../src/local/postmaster.ts'
import { connect } from '../../../src/postgres/database.ts'
import { migrate } from '../../../src/postgres/migrate.ts'
import { eventually } from '../index.ts'
import { testedPostgres } from './binaries.ts'
import { processesOf } from './processes-of.ts'

const FAST = { fsync: 'off', full_page_writes: 'off' }

/** The role that a load balancer asks as, without a password. */
const CHECK = 'haproxy_check'

/** A primary with a migrated database, `ledger`, and an empty one, `empty`, and a standby that follows it. */
export interface Replicated {
  primary: Postmaster
  standby: Postmaster
  /** Of the owner, at a port of 127.0.0.1. */
  urlOf(port: number, database?: string): string
  /** Resolves when the standby has replayed what the primary had written at the call. */
  standbyHasAll(): Promise<void>
  /** Without a checkpoint, and every session with it. `SIGKILL` leaves no process of it time for a word. */
  killPrimary(signal?: 'SIGQUIT' | 'SIGKILL'): Promise<void>
  /** The same for the standby. */
  killStandby(): Promise<void>
  /** Starts it again, on another port. Call `killStandby` first. */
  restartStandby(): Promise<void>
  /** The standby and its sessions keep their connections, and answer nothing until `resumeStandby`. */
  pauseStandby(): void
  resumeStandby(): void
  close(): Promise<void>
}

/** @param synchronous a commit on the primary waits until the standby has it on disk */
async function startReplicated({ synchronous = false } = {}): Promise<Replicated> {
  const folder = await mkdtemp(join(inject('runFolder'), 'standby-'))
  const account = chooseAccount(null)
  if (account) chownSync(folder, account.uid, account.gid)
  const binaries = testedPostgres(folder, account)
  const { owner } = await ensureCluster(folder, binaries, account)
  const urlOf = (port: number, database = 'ledger') =>
    `postgres://${OWNER}:${owner}@127.0.0.1:${port}/${database}`
  const start = (home: string, settings: Record<string, string> = {}) =>
    startPostmaster({ home, binaries, account, settings: { ...FAST, ...settings } })

  const home = join(folder, 'postgres')
  const hba = join(home, 'data/pg_hba.conf')
  writeFileSync(hba, `host postgres ${CHECK} 127.0.0.1/32 trust\n${readFileSync(hba, 'utf8')}`)
  const first = await start(home)
  try {
    const sql = connect(urlOf(first.port, 'postgres'), { max: 1 })
    await sql`create database ledger`
    await sql`create database empty`
    await sql.unsafe(`create role ${CHECK} login`)
    await sql.end()
    await migrate(urlOf(first.port))
  } finally {
    await first.stop()
  }

  const copy = join(folder, 'copy')
  mkdirSync(copy)
  if (account) chownSync(copy, account.uid, account.gid)
  const data = join(copy, 'data')
  execFileSync('cp', ['-R', '-p', join(home, 'data'), data], { cwd: folder, ...account })
  writeFileSync(join(data, 'standby.signal'), '')

  const primary = await start(home, synchronous ? { synchronous_standby_names: '*' } : {})
  try {
    const from = `host=127.0.0.1 port=${primary.port} user=${OWNER} password=${owner}`
    let standby = await start(copy, { primary_conninfo: from })
    const signalStandby = (signal: NodeJS.Signals) => {
      for (const pid of processesOf(standby.pid)) {
        try {
          process.kill(pid, signal)
        } catch {
          // A session that has just ended, because its client left while it was paused.
        }
      }
    }
    return {
      primary,
      get standby() {
        return standby
      },
      urlOf,
      standbyHasAll: () => standbyHasAll(urlOf(primary.port), urlOf(standby.port)),
      async killStandby() {
        signalStandby('SIGKILL')
        await standby.ended
      },
      async restartStandby() {
        standby = await start(copy, { primary_conninfo: from })
      },
      pauseStandby: () => signalStandby('SIGSTOP'),
      resumeStandby: () => signalStandby('SIGCONT'),
      async killPrimary(signal = 'SIGQUIT') {
        const pids = signal === 'SIGKILL' ? processesOf(primary.pid) : [primary.pid]
        for (const pid of pids) process.kill(pid, signal)
        await primary.ended
      },
      async close() {
        await Promise.all([primary.stop(), standby.stop()])
      },
    }
  } catch (error) {
    await primary.stop()
    throw error
  }
}

async function standbyHasAll(primaryUrl: string, standbyUrl: string): Promise<void> {
  const primary = connect(primaryUrl, { max: 1 })
  const standby = connect(standbyUrl, { max: 1 })
  try {
    const [written] = await primary<{ end: string }[]>`select pg_current_wal_lsn()::text as end`
    await eventually(async () => {
      const [row] = await standby<{ replayed: boolean }[]>`
        select pg_last_wal_replay_lsn() >= ${written?.end ?? ''}::pg_lsn as replayed`
      if (!row?.replayed) throw new Error(`the standby has not replayed ${written?.end}`)
    })
  } finally {
    await Promise.all([primary.end(), standby.end()])
  }
}

/** Tests on one pair a file. */
export const test = base.extend('pair', { scope: 'file' }, async ({}, { onCleanup }) => {
  const pair = await startReplicated()
  onCleanup(() => pair.close())
  return pair
})

/** The same, with synchronous replication. */
export const synchronousTest = base.extend('pair', { scope: 'file' }, async ({}, { onCleanup }) => {
  const pair = await startReplicated({ synchronous: true })
  onCleanup(() => pair.close())
  return pair
})
