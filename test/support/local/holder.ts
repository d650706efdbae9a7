import pino from 'pino'
import postgres from 'postgres'
import { startPostgres } from '../../../src/local/postgres.ts'
import { startRedis } from '../../../src/local/redis.ts'

/**
 * A server to be killed: `holder.ts postgres|redis <folder>` starts one, prints what it got as a line
 * of JSON, and holds it. SIGINT closes it properly, SIGUSR2 exits without closing.
 */
const [kind, dataDir = ''] = process.argv.slice(2)
const log = pino({ level: 'silent' })
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const held =
    kind === 'postgres' ? await startPostgres({ dataDir, log }) : await startRedis({ dataDir, log })
  process.on('SIGUSR2', () => process.exit(0))
  process.on('SIGINT', async () => {
    if (held && 'ownerUrl' in held) {
      const sql = postgres(held.ownerUrl, { max: 1 })
      say(await sql`select 'still here' as postgres`.then(([row]) => ({ ...row })))
      await sql.end()
    }
    await held?.close()
    process.exit(0)
  })
  say({ held })
  setInterval(() => {}, 60_000)
} catch (error) {
  say({ error: (error as Error).name, message: (error as Error).message })
}
