import { METHODS } from './methods.ts'
import type { InputOf, OutputOf, PathParams, RouteName } from './routes.ts'
import {
  type CallOptions,
  createLink,
  createSend,
  type Send,
  type ServiceClientOptions,
} from './send.ts'
import { type ServiceEvent, type StreamOptions, streamOf } from './stream.ts'

/** The calls of a table of methods. */
type Calls<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends RouteName
    ? CallOf<Table[Name], Promise<OutputOf<Table[Name]>>>
    : Table[Name] extends { route: infer Route extends RouteName; isList: true }
      ? CallOf<Route, List<OutputOf<Route>>>
      : Calls<Table[Name]>
}

type CallOf<Route extends RouteName, Result> = (
  ...args: [...PathParams<Route>, ...InputArgs<InputFor<Route>>]
) => Result

/** The input may be left out if all of it is optional. */
type InputArgs<Input> =
  HasNoFields<Input> extends true
    ? [input?: Record<string, never>, options?: CallOptions]
    : object extends Input
      ? [input?: Input, options?: CallOptions]
      : [input: Input, options?: CallOptions]

/** Zod's type of an object without fields is `Record<string, never>`. */
type HasNoFields<Input> = string extends keyof Input
  ? true
  : [keyof Input] extends [never]
    ? true
    : false

/** A payment needs no `type`: the method says it. */
type InputFor<Route extends RouteName> = Route extends 'POST /transactions'
  ? Without<InputOf<Route>, 'type'>
  : InputOf<Route>

/** `Omit` for each member of a union. */
type Without<Union, Field extends PropertyKey> = Union extends unknown ? Omit<Union, Field> : never

/** A list in pages. Each page is requested when it is needed. */
export interface List<Page> extends PromiseLike<Page>, AsyncIterable<ItemOf<Page>> {}

type ItemOf<Page> = Page extends { items: (infer Item)[] } ? Item : never

/** Typed calls of the server. */
export interface ServiceClient extends Calls<typeof METHODS> {
  /** The balance of a user, or of the caller, with the held and the available amount. */
  balance(input?: BalanceQuery, options?: CallOptions): Promise<CurrentBalance>
  /** The balance as it stood at a time, ISO 8601. */
  balanceAt(at: string, input?: BalanceQuery, options?: CallOptions): Promise<PastBalance>
  /** What happens to the holds that this service opened. Needs the role `service`. */
  stream(options?: StreamOptions): AsyncGenerator<ServiceEvent, void, undefined>
}

type BalanceRoute = 'GET /transactions/balance'
export type BalanceQuery = Omit<InputOf<BalanceRoute>, 'at'>
export type CurrentBalance = Extract<OutputOf<BalanceRoute>, { held: unknown }>
export type PastBalance = Extract<OutputOf<BalanceRoute>, { at: unknown }>

/**
 * A client for programs that act for users, or administer them. Every call rejects with a `LivebalanceError`.
 * Each POST and PATCH has an idempotency key, so it is repeated safely when an answer is lost.
 */
export function createServiceClient(options: ServiceClientOptions): ServiceClient {
  const link = createLink(options)
  const send = createSend(link, options)
  const call = caller(send)
  const balance = (input: object, options: CallOptions | undefined) =>
    call('GET /transactions/balance')(input, options) as Promise<never>
  return {
    ...(bind(METHODS, call) as Calls<typeof METHODS>),
    balance: (input = {}, options) => balance(input, options),
    balanceAt: (at, input = {}, options) => balance({ ...input, at }, options),
    stream: (options = {}) => streamOf(link, options),
  }
}

type Table = { readonly [name: string]: string | { route: string; isList: true } | Table }

type Caller = (route: string, isList?: boolean) => (...args: unknown[]) => unknown

function bind(table: Table, call: Caller): object {
  const calls = Object.entries(table).map(([name, entry]) => {
    if (typeof entry === 'string') return [name, call(entry)]
    return [name, isList(entry) ? call(entry.route, true) : bind(entry, call)]
  })
  return Object.fromEntries(calls)
}

const isList = (entry: object): entry is { route: string; isList: true } => 'isList' in entry

/** Fields of a body that a method stands for. */
const IMPLIED: Readonly<Record<string, object>> = {
  'POST /transactions': { type: 'booking_payment' },
}

/** A POST whose fields are in the query. Its body is empty. */
const IN_QUERY: ReadonlySet<string> = new Set(['POST /transactions/recalculate/:userId'])

function caller(send: Send): Caller {
  return (route, isList = false) => {
    const [method = '', template = ''] = route.split(' ')
    const hasBody = method !== 'GET' && method !== 'DELETE'
    const names = template.match(/:\w+/g) ?? []
    return (...args) => {
      const params = args.slice(0, names.length)
      const [input = {}, options] = args.slice(names.length) as [object?, CallOptions?]
      const path = pathOf(template, params)
      const sendQuery = (more?: object) => {
        const query = queryOf({ ...input, ...more })
        return send({ method, path: path + query, body: hasBody ? {} : undefined }, options)
      }
      if (isList) return new Pages(sendQuery)
      if (!hasBody || IN_QUERY.has(route)) return sendQuery()
      return send({ method, path, body: { ...IMPLIED[route], ...input } }, options)
    }
  }
}

function pathOf(template: string, params: unknown[]): string {
  let next = 0
  return template.replace(/:(\w+)/g, (_, name) => {
    const value = params[next++]
    // Dots would be steps in the path, so the request would go to another route.
    if (typeof value !== 'string' || /^\.{0,2}$/.test(value)) {
      throw new TypeError(`The parameter ${name} of ${template} is missing or not an id.`)
    }
    return encodeURIComponent(value)
  })
}

function queryOf({ metadata, ...fields }: { metadata?: Record<string, unknown> }): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.set(name, String(value))
  }
  for (const [name, value] of Object.entries(metadata ?? {})) {
    query.set(`metadata.${name}`, String(value))
  }
  return query.size > 0 ? `?${query}` : ''
}

interface Page {
  items: unknown[]
  nextCursor: string | null
}

class Pages implements List<Page> {
  readonly #get: (more?: object) => Promise<unknown>

  constructor(get: (more?: object) => Promise<unknown>) {
    this.#get = get
  }

  // biome-ignore lint/suspicious/noThenProperty: `await` gives the first page
  then<A, B>(...handlers: Parameters<Promise<Page>['then']>): Promise<A | B> {
    return (this.#get() as Promise<Page>).then(...handlers) as Promise<A | B>
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    let cursor: string | null | undefined
    do {
      const page = (await this.#get(cursor === undefined ? undefined : { cursor })) as Page
      yield* page.items
      cursor = page.nextCursor
    } while (cursor !== null)
  }
}
