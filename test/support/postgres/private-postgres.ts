import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { startPostgres } from '../../../src/local/postgres.ts'
import { silent } from '../ledger/sample.ts'
import { installedPostgres } from './binaries.ts'
import { processesOf } from './processes-of.ts'
import { startSwitch } from './switch.ts'

/** A Postgres of one test, which may break it. Ends with the test. */
export interface PrivatePostgres {
  /** Of the owner. Stays the same over a restart. */
  url: string
  /** SIGKILL to each of its processes; resolves when they are gone. */
  kill(): Promise<void>
  /** Recovers what was committed. Call `kill` first. */
  restart(): Promise<void>
}

export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const options = {
    dataDir: join(await mkdtemp(join(inject('runFolder'), 'private-')), 'data'),
    log: silent,
    binaries: installedPostgres(),
  }
  let postgres = await startPostgres(options)
  onTestFinished(() => postgres.close())
  const portOf = () => Number(new URL(postgres.ownerUrl).port)
  const address = await startSwitch(portOf())
  onTestFinished(() => address.close())
  const url = new URL(postgres.ownerUrl)
  url.port = String(address.port)
  return {
    url: url.href,
    async kill() {
      for (const pid of processesOf(postgres.pid)) process.kill(pid, 'SIGKILL')
      await postgres.close()
    },
    async restart() {
      postgres = await startPostgres(options)
      address.target = portOf()
    },
  }
}
