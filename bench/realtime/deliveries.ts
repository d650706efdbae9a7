import type { SubjectProcess } from './process.ts'

/** Users that receive events, and connections in the room. */
export const USERS = 1000
const DELIVERIES = 20
const CPU_ROUNDS = 5

/** CPU microseconds of a delivery, a number for each round. The first round is a warm-up. */
export async function deliveries<Name extends string>(
  subjects: Record<Name, SubjectProcess>,
  to: 'users' | 'room',
): Promise<Record<Name, number[]>> {
  const names = Object.keys(subjects) as Name[]
  const costs = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >
  for (let round = 0; round <= CPU_ROUNDS; round++) {
    for (const name of names) {
      const firstSeq = 1 + round * DELIVERIES
      const question = { ask: 'deliver', to, users: USERS, rounds: DELIVERIES, firstSeq } as const
      const cost = await subjects[name].ask(question)
      if (round > 0) costs[name].push(cost)
    }
  }
  return costs
}

/** Deliveries in a CPU second. */
export function perSecond(microseconds: readonly number[]): number[] {
  return microseconds.map((cost) => 1_000_000 / cost)
}
