import type { AutoTopupStore, DueAutoTopup, OpenedAutoTopup } from '../ledger/auto-topups.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { PaymentProvider } from './provider.ts'

export interface AutoTopupsOptions {
  store: AutoTopupStore
  /** Those that can charge a saved method are used. */
  providers: readonly PaymentProvider[]
  log: Pick<Logger, 'warn' | 'info'>
  /** Time between rounds. Default 1 s. */
  intervalMs?: number
  /** A charge without an answer is repeated after this time, with the same key. Default 30 s. */
  retryAfterMs?: number
}

/** A round does so much of each kind. */
const PER_ROUND = 50

/** Providers forget the key of a charge after a day. A charge that was repeated later could be a second one. */
const GIVE_UP_AFTER_MS = 12 * 3_600_000

/**
 * Auto top-up: when a balance is below its threshold, asks for a topup and charges the saved payment method. Its
 * outcome comes as an event of the provider, as for every topup. Several processes may do so at once: the database lets
 * one topup of a rule be under way.
 */
export class AutoTopups {
  readonly #store: AutoTopupStore
  readonly #providers: ReadonlyMap<string, PaymentProvider>
  readonly #retryAfterMs: number
  readonly #settled: () => Promise<readonly { tenant: string; id: string }[]>
  readonly #due: () => Promise<readonly DueAutoTopup[]>
  readonly #task: PeriodicTask

  constructor({ store, providers, log, intervalMs = 1_000, retryAfterMs }: AutoTopupsOptions) {
    this.#store = store
    this.#settled = inTurn((after) => store.settled(PER_ROUND, after))
    this.#due = inTurn((after) => store.due(PER_ROUND, after))
    this.#providers = new Map(
      providers.flatMap((provider) => (provider.charge ? [[provider.name, provider]] : [])),
    )
    this.#retryAfterMs = retryAfterMs ?? 30_000
    this.#task = new PeriodicTask(() => this.round(), { log, name: 'auto top-up', intervalMs })
  }

  /** The provider whose payment methods can be charged. Undefined: none, and auto top-up cannot be used. */
  get provider(): string | undefined {
    return [...this.#providers.keys()][0]
  }

  start(): void {
    if (this.provider !== undefined) this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  /** If one charge fails, the round continues with the others, and fails at its end. */
  async round(): Promise<void> {
    const failures: unknown[] = []
    const each = async <T>(items: readonly T[], act: (item: T) => Promise<void>) => {
      for (const item of items) await act(item).catch((error) => failures.push(error))
    }
    await each(await this.#settled(), (topup) => this.#store.end(topup))
    await each(await this.#due(), async ({ wallet_id, currency }) => {
      const opened = await this.#store.open(wallet_id, currency)
      if (opened) await this.#charge(opened)
    })
    const unanswered = await this.#store.unanswered(this.#retryAfterMs, PER_ROUND)
    await each(unanswered, async ({ topup, method, openedAt }) => {
      const isLate = Date.now() - Date.parse(openedAt) > GIVE_UP_AFTER_MS
      if (!method) await this.#store.end(topup, 'method_deleted')
      else if (isLate) await this.#store.end(topup, 'provider_unavailable')
      else await this.#charge({ topup, method })
    })
    if (failures.length > 0) {
      throw new Error(`${failures.length} auto top-ups could not be charged`, {
        cause: failures[0],
      })
    }
  }

  async #charge({ topup, method }: OpenedAutoTopup): Promise<void> {
    const provider = this.#providers.get(method.provider)
    if (!provider?.charge) throw new Error(`${method.provider} cannot charge a saved method`)
    const outcome = await provider.charge(topup, method, `livebalance-topup-${topup.id}`)
    if (outcome.status === 'accepted') await this.#store.charged(topup, outcome.paymentId)
    else await this.#store.end(topup, outcome.reason)
  }
}

/** Each call goes on after the last one, and begins again at the end. So those that cannot be done hold nobody up. */
function inTurn<T>(read: (after: T | undefined) => PromiseLike<readonly T[]>) {
  let last: T | undefined
  return async () => {
    const items = await read(last)
    last = items.length < PER_ROUND ? undefined : items.at(-1)
    return items
  }
}
