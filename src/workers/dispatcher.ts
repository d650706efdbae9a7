import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Member } from './member.ts'

/** Connections that wait for the first worker. Further ones are closed. */
const MAX_WAITING = 1_000

/** A worker that has confirmed none of so many connections is busy, and gets no more while another one is not. */
const MAX_UNCONFIRMED = 16

/** A connection that was given to a worker, which has not confirmed it. */
interface Given {
  to: Member
  connection: Socket
}

/**
 * Accepts the connections of a port and gives each to the worker that has the fewest. Nothing of a connection is read
 * here. It stays open here until its worker has it, so that another one can have it if that one ends before.
 */
export class Dispatcher {
  readonly #server: Server
  readonly #workers: () => Iterable<Member>
  readonly #given = new Map<number, Given>()
  #waiting: Socket[] = []
  #numbers = 0

  /** @param workers those that take connections now */
  constructor(workers: () => Iterable<Member>) {
    this.#workers = workers
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (connection) => {
      // A client that leaves before its worker has it.
      connection.on('error', () => {})
      // With it, Node would ask the workers at the end whether they still have the connection.
      Object.assign(connection, { server: null })
      this.#assign(connection)
    })
  }

  /** Rejects as any server if the port cannot be used. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    // No file is left for a connection. Without a listener it would end the process.
    this.#server.on('error', () => {})
    return this.#server.address() as AddressInfo
  }

  /** Accepts nothing more. */
  close(): void {
    this.#server.close()
    for (const connection of this.#waiting.splice(0)) connection.destroy()
  }

  /** Call it when a worker is ready. */
  assignWaiting(): void {
    for (const connection of this.#waiting.splice(0)) this.#assign(connection)
  }

  /** Call it when a worker has a connection. */
  confirm(number: number): void {
    const given = this.#given.get(number)
    if (!given) return
    this.#given.delete(number)
    given.to.unconfirmed -= 1
    // Only this process's end.
    given.connection.destroy()
  }

  /** Call it when a worker has ended. */
  reassign(from: Member): void {
    for (const [number, { to, connection }] of this.#given) {
      if (to !== from) continue
      this.#given.delete(number)
      this.#assign(connection)
    }
  }

  #assign(connection: Socket): void {
    const to = this.#choose()
    if (!to) {
      if (this.#waiting.length >= MAX_WAITING) connection.destroy()
      else this.#waiting.push(connection)
      return
    }
    const number = ++this.#numbers
    this.#given.set(number, { to, connection })
    to.unconfirmed += 1
    to.lastGiven = number
    to.lend({ kind: 'accepted', number }, connection)
  }

  #choose(): Member | undefined {
    let best: Member | undefined
    for (const member of this.#workers()) if (!best || isBetter(member, best)) best = member
    return best
  }
}

function isBetter(one: Member, other: Member): boolean {
  const isBusy = one.unconfirmed >= MAX_UNCONFIRMED
  if (isBusy !== other.unconfirmed >= MAX_UNCONFIRMED) return !isBusy
  const load = one.connections + one.unconfirmed
  const otherLoad = other.connections + other.unconfirmed
  return load === otherLoad ? one.lastGiven < other.lastGiven : load < otherLoad
}
