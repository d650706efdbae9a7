import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** From `PGBENCH`, else from the PATH. */
const PGBENCH = process.env.PGBENCH ?? 'pgbench'

export function hasPgbench(): boolean {
  return spawnSync(PGBENCH, ['--version']).status === 0
}

/** Transactions a second of one script. */
export async function pgbench(
  url: string,
  script: string,
  { seconds, clients }: { seconds: number; clients: number },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'livebalance-pgbench-'))
  const file = join(folder, 'script.sql')
  writeFileSync(file, script)
  try {
    const { stdout } = await promisify(execFile)(PGBENCH, [
      ...['--no-vacuum', '--protocol=prepared', `--time=${seconds}`, `--file=${file}`],
      ...[`--client=${clients}`, `--jobs=${Math.min(clients, 2)}`, url],
    ])
    const [, tps] = /tps = ([\d.]+)/.exec(stdout) ?? []
    if (tps === undefined) throw new Error(`pgbench did not say how fast it was: ${stdout}`)
    return Number(tps)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The best number of clients for a script. Each is tried for a second. */
export async function bestClients(
  url: string,
  script: string,
  choices: readonly number[],
): Promise<number> {
  let best = { clients: 1, rate: 0 }
  for (const clients of choices) {
    const rate = await pgbench(url, script, { seconds: 1, clients })
    if (rate > best.rate) best = { clients, rate }
  }
  return best.clients
}
