import { Executor } from '../../src/ledger/executor.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { growth, type Row } from '../row.ts'

const SIZES = [100, 1_000, 10_000]
const ROUNDS = 5
const CALLERS = 256
const MS = 500

/** The cost of a payment from many callers at once, at several numbers of users. */
export async function usersGrow(url: string): Promise<Row> {
  await migrate(url)
  const sql = connect(url, { max: 2 })
  try {
    const executor = new Executor(sql)
    const command = (userId: string) => ({
      ...({ tenant: 'default', actor: 'shop', currency: 'USD' } as const),
      userId,
    })
    const most = SIZES.at(-1) ?? 0
    await Promise.all(
      Array.from({ length: most }, (_, i) =>
        executor.execute({ ...command(`u${i}`), op: 'adjustment', amount: 10n ** 12n }),
      ),
    )
    await sql`analyze`
    const cost = async (users: number) => {
      const began = performance.now()
      let done = 0
      await Promise.all(
        Array.from({ length: CALLERS }, async () => {
          for (; performance.now() - began < MS; done++) {
            const userId = `u${Math.floor(Math.random() * users)}`
            const outcome = await executor.execute({
              ...command(userId),
              op: 'payment',
              amount: 1n,
            })
            if (!outcome.ok) throw new Error(outcome.code)
          }
        }),
      )
      return ((performance.now() - began) / done) * 1_000
    }
    const sizes = SIZES.map((size) => ({ size, rounds: [] as number[] }))
    for (let round = -1; round < ROUNDS; round++) {
      for (const { size, rounds } of sizes) {
        const figure = await cost(size)
        // The first round is a warm-up.
        if (round >= 0) rounds.push(figure)
      }
    }
    return growth({ what: 'a payment', unit: 'µs', by: 'users', sizes, goal: 1.3 })
  } finally {
    await sql.end()
  }
}
