import { expect, onTestFinished } from 'vitest'
import { sleep } from '../../../src/lib/timeout.ts'
import { createDatabase, eventually, mintToken, UNLIMITED } from '../index.ts'
import { type Booted, bootServer } from '../observability/booted.ts'
import { connectBy, type TestClient } from './balance-server.ts'

/** Two whole servers on one database, with a client of each transport on the second. */
export interface Installation {
  paying: Booted
  delivering: Booted
  clients: TestClient[]
  /** Pays through the first server until `stop`, which resolves with the number of events. */
  pay(): { stop(): Promise<number>; lateness: Lateness }
  /** Waits until each client got each event once, in order. */
  got(events: number): Promise<void>
  ready(): Promise<void>
  warnings(): Record<string, unknown>[]
}

/** When each event was committed, and how long it took to the client. */
export interface Lateness {
  /** Of events that came after this moment (`performance.now()`): the longest time from the later of it and the commit. */
  after(moment: number): number
}

/** @param redis variables that lead to Redis */
export async function startInstallation(redis: Record<string, string>): Promise<Installation> {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const boot = async () => {
    const server = await bootServer({ DATABASE_URL: database.ownerUrl, ...UNLIMITED, ...redis })
    onTestFinished(() => server.close())
    return server
  }
  const [paying, delivering] = [await boot(), await boot()]
  const ready = async () => {
    for (const { url } of [paying, delivering]) {
      await eventually(async () => {
        const response = await fetch(`${url}/health/ready`)
        const { checks } = (await response.json()) as { checks: { stream: unknown } }
        expect(checks.stream).toEqual({ ok: true })
      })
    }
  }
  await ready()
  const token = await mintToken({ sub: 'alice' })
  const clients = Object.values(connectBy).map((connect) => connect(delivering.url, token))
  await eventually(() => {
    for (const { received } of clients) expect(received).toHaveLength(1)
  })
  const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
  const gift = JSON.stringify({ userId: 'alice', amount: 1, description: 'a gift' })
  const headers = { Authorization: `Bearer ${admin}`, 'Content-Type': 'application/json' }
  const seqs = (events: number) => Array.from({ length: events }, (_, i) => i + 1)
  let paid = 0

  function pay() {
    const committed: number[] = []
    const arrived: number[] = []
    let paysOn = true
    const before = paid
    const watch = setInterval(() => {
      const now = performance.now()
      const count = Math.min(...clients.map((client) => client.seqs().length)) / 2 - before
      while (arrived.length < count) arrived.push(now)
    }, 5)
    const loop = (async () => {
      while (paysOn) {
        const response = await fetch(`${paying.url}/transactions/adjustment`, {
          method: 'POST',
          headers,
          body: gift,
        })
        expect(response.status).toBe(201)
        await response.arrayBuffer()
        committed.push(performance.now())
        paid += 1
        await sleep(15)
      }
    })()
    // Also after a failed test, before the servers close.
    onTestFinished(async () => {
      clearInterval(watch)
      paysOn = false
      await loop.catch(() => {})
    })
    loop.catch(() => {})
    return {
      async stop() {
        paysOn = false
        await loop
        return paid * 2
      },
      lateness: {
        after: (moment: number) =>
          Math.max(
            0,
            ...arrived.map((at, i) => (at < moment ? 0 : at - Math.max(moment, committed[i] ?? 0))),
          ),
      },
    }
  }

  return {
    paying,
    delivering,
    clients,
    pay,
    ready,
    async got(events) {
      await eventually(() => {
        for (const client of clients) expect(client.seqs()).toHaveLength(events)
      })
      for (const client of clients) expect(client.seqs()).toEqual(seqs(events))
    },
    warnings: () =>
      [...paying.log, ...delivering.log].filter(
        ({ level }) => level === 'warn' || (level as number) >= 40,
      ),
  }
}
