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

/** Transactions a second of one script at each number of clients; the best of them. */
export async function pgbench(
  url: string,
  script: string,
  { seconds, clients }: { seconds: number; clients: readonly number[] },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'livebalance-pgbench-'))
  const file = join(folder, 'script.sql')
  writeFileSync(file, script)
  try {
    let best = 0
    for (const count of clients) {
      const threads = String(Math.min(count, 2))
      const { stdout } = await promisify(execFile)(PGBENCH, [
        ...['--no-vacuum', '--protocol=prepared', `--time=${seconds}`, `--file=${file}`],
        ...[`--client=${count}`, `--jobs=${threads}`, url],
      ])
      const [, tps] = /tps = ([\d.]+)/.exec(stdout) ?? []
      if (tps === undefined) throw new Error(`pgbench did not say how fast it was: ${stdout}`)
      best = Math.max(best, Number(tps))
    }
    return best
  } finally {
    rmSync(folder, { recursive: true })
  }
}
