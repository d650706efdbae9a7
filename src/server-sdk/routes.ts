import type { ExtractSchema } from 'hono/types'
import type { AppType } from '../client/api.ts'
import type { BalanceEvent } from '../client/types.ts'

type Routes = ExtractSchema<AppType>

type Methods = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A route of the server, such as `POST /transactions/:id/refund`. */
export type RouteName = {
  [Path in keyof Routes & string]: {
    [Method in Methods]: `$${Lowercase<Method>}` extends keyof Routes[Path]
      ? `${Method} ${Path}`
      : never
  }[Methods]
}[keyof Routes & string]

type RouteOf<Name> = Name extends `${infer Method extends Methods} ${infer Path}`
  ? Path extends keyof Routes
    ? `$${Lowercase<Method>}` extends keyof Routes[Path]
      ? Routes[Path][`$${Lowercase<Method>}`]
      : never
    : never
  : never

/** The parameters of a path, in its order. Each is encoded. */
export type PathParams<Path extends string> = Path extends `${string}:${infer Rest}`
  ? [id: string, ...(Rest extends `${string}/${infer More}` ? PathParams<More> : [])]
  : []

/** The fields of the body, or of the query. `object` if the route takes none. */
export type InputOf<Name> =
  RouteOf<Name> extends { input: infer Input }
    ? Input extends { query: infer Query & Record<string, string | string[]> }
      ? { [Field in keyof Query]: QueryValue<Query[Field]> }
      : Input extends { json: infer Body }
        ? Body
        : object
    : never

/** Numbers are text in a URL. */
type QueryValue<Value> = string extends Value ? Value | number : Value

/** The body of the answer. */
export type OutputOf<Name> = Name extends keyof Described
  ? Described[Name]
  : RouteOf<Name> extends { output: infer Output }
    ? Output
    : never

/** Answers whose types the routes do not have, because the server keeps them as text. */
interface Described {
  'GET /balance/events': EventPage
}

/** A part of a user's events, the same as on the streams. */
export interface EventPage {
  items: BalanceEvent[]
  /** For the next `after` or `before`. Null: there are no older events. */
  nextCursor: string | null
  /** False: events after the cursor are missing here. Read the balance again. */
  recovered: boolean
}

/** Amounts are major units of `currency`, signed as the user sees them. */
export type Transaction = OutputOf<'GET /transactions/:id'>
