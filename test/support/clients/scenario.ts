import { expect } from 'vitest'
import { test as base } from '../client/fixtures.ts'
import type { LiveServer } from '../client/live-server.ts'
import type { Wire } from '../client/wire.ts'
import { eventually, mintToken } from '../index.ts'

/** An event as a client of others received it. */
export interface Received {
  event: string
  data: { id: string; seq: number; balance?: number; newBalance?: number; code?: string }
}

/** A connection of such a client. It connects again by itself. */
export interface ForeignClient {
  received: Received[]
  close(): unknown
}

export type Open = (url: string, token: string) => ForeignClient | Promise<ForeignClient>

/** The names of the events of a user's stream, for clients that must name what they listen to. */
export const EVENTS = [
  'balance_initial',
  'balance_updated',
  'transaction_completed',
  'transaction_failed',
  'balance_insufficient',
  'error',
] as const

/** The id after which a client resumes. */
export const lastIdOf = (received: readonly Received[]) => received.at(-1)?.data.id

const seqsOf = ({ received }: ForeignClient) =>
  received.filter(({ event }) => event !== 'balance_initial').map(({ data }) => data.seq)

interface Stage {
  server: LiveServer
  wire: Wire
  user: string
}

/**
 * Connects a client with a balance of 100, shows it a payment, and cuts its connection while another one happens.
 * Every event must arrive once and in order, and the balance first.
 */
async function follows({ server, wire, user }: Stage, open: Open): Promise<ForeignClient> {
  const token = await mintToken({ sub: user })
  const pay = (amount: number) =>
    server.call(token, 'POST /transactions', { type: 'booking_payment', amount })
  await server.fund(user, 100)
  const client = await open(wire.url, token)
  try {
    const patient = { timeout: 60_000 }
    await eventually(() => expect(client.received).toHaveLength(1), patient)
    expect(client.received[0]).toMatchObject({
      event: 'balance_initial',
      data: { balance: 100, seq: 2 },
    })
    await pay(30)
    await eventually(() => expect(seqsOf(client)).toEqual([3, 4]), patient)
    expect(client.received.slice(1)).toContainEqual(
      expect.objectContaining({
        event: 'balance_updated',
        data: expect.objectContaining({ newBalance: 70 }),
      }),
    )

    wire.down = true
    wire.cut()
    await pay(20)
    wire.down = false
    await eventually(() => expect(seqsOf(client)).toEqual([3, 4, 5, 6]), patient)
    await pay(1)
    await eventually(() => expect(seqsOf(client)).toEqual([3, 4, 5, 6, 7, 8]), patient)
    return client
  } finally {
    await client.close()
  }
}

/** Tests of the clients of others. Each has a user and a wire of its own; `follow` is `follows` there. */
export const test = base.extend(
  'follow',
  async ({ server, wire, user }) =>
    (open: Open) =>
      follows({ server, wire, user }, open),
)
