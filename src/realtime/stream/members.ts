import type { Bus } from '../bus/bus.ts'
import type { Following } from '../bus/shards.ts'
import type { Subscriber } from './subscriber.ts'

/** Connections by what they listen to, who may get events of any user. While there are some, every part is followed. */
export class Members<Member extends { subscriber: Subscriber }> {
  readonly #bus: Pick<Bus, 'followAll'>
  readonly #members = new Map<string, Set<Member>>()
  #following: Following | undefined

  constructor(bus: Pick<Bus, 'followAll'>) {
    this.#bus = bus
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  /** Messages that are published after this resolves arrive. Undefined: they do already. */
  get ready(): Promise<void> | undefined {
    return this.#following?.ready
  }

  of(key: string): ReadonlySet<Member> | undefined {
    return this.#members.get(key)
  }

  *all(): Iterable<[key: string, member: Member]> {
    for (const [key, members] of this.#members) for (const member of members) yield [key, member]
  }

  add(key: string, member: Member): void {
    this.#following ??= this.#bus.followAll()
    this.#members.set(key, (this.#members.get(key) ?? new Set()).add(member))
  }

  /** Closes the subscription and forgets its member. A second call does nothing. */
  remove(key: string, subscriber: Subscriber): void {
    if (subscriber.isClosed) return
    subscriber.close()
    const members = this.#members.get(key)
    for (const member of members ?? []) {
      if (member.subscriber === subscriber) members?.delete(member)
    }
    if (members?.size === 0) this.#members.delete(key)
    if (!this.isEmpty) return
    this.#following?.release()
    this.#following = undefined
  }
}
