import fc from 'fast-check'
import type { Route } from '../../../src/api-docs/openapi.ts'

/** JSON texts that a careless server chokes on. */
export const NASTY = [
  ...['null', 'true', '0', '-0', '-1', '0.1', '1e999', '-1e999', '1e-999', '1E+2', '5', '"5"'],
  ...['9007199254740993', '123456789012345678901234567890', '0.30000000000000004', '1e21'],
  ...['""', '" "', '"NaN"', '"Infinity"', '"0x10"', '"1_000"', '"1,5"', '"+5"', '"5."', '".5"'],
  ...['[]', '{}', '[[[[[]]]]]', '{"$gt": 0}', '{"__proto__": {}}', '{"toString": 1}', '[5]'],
  ...['"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\u202e"', '"💥"'],
  ...[`"' or 1=1; drop table entries; --"`, '"{{7*7}}"', '"../../etc/passwd"', '"<script>"'],
  ...['"USD"', '"usd"', '"XXX"', '"success"', '"failed"', '"booking_payment"', '"below"'],
  ...['"alice"', '"constructor"', '"hasOwnProperty"', '"a b"', `"${'x'.repeat(300)}"`],
  ...[
    '"2999-12-31T23:59:59.999999999-23:59"',
    '"1900-01-01"',
    '"2025-02-29"',
    '"2025-01-01T24:00:00Z"',
  ],
  ...['"2025-01-01"', '"0000-00-00T00:00:00Z"', '"019a4e5c-0000-7000-8000-000000000001"'],
]

const SEGMENTS = [
  ...['alice', '1', '0', '-1', '%00', '%F0%9F%92%A5', '..', 'null', 'undefined', '{id}', '*'],
  ...[
    `'%20or%201=1--`,
    '%2e%2e%2f',
    'x'.repeat(500),
    '%',
    '%ff',
    '019a4e5c-0000-7000-8000-00000000000g',
  ],
]

/** What a field takes, as JSON. */
const VALID: Record<string, string> = {
  amount: '0.01',
  threshold: '5',
  maxAmount: '1000000',
  maxSum: '1000000',
  windowSeconds: '60',
  expiresIn: '60',
  currency: '"USD"',
  description: '"fuzz"',
  adminNotes: '"fuzz"',
  referenceId: '"b-1"',
  referenceType: '"booking"',
  userId: '"alice"',
  toUserId: '"bob"',
  tokenId: '"5f0c"',
  expiresAt: '"2100-01-01T00:00:00Z"',
  reason: '"fuzz"',
  status: '"success"',
  type: '"booking_payment"',
  direction: '"below"',
  format: '"ndjson"',
  fourEyes: '[{"currency": "JPY", "amount": 100000}]',
  split: '[{"to": "bob", "share": 1}]',
  waitingFor: '"second"',
  debits: 'false',
  credits: 'false',
  limit: '"10"',
  from: '"2025-01-01"',
  to: '"2100-01-01T00:00:00Z"',
  at: '"2025-11-04T10:30:00.123456+01:00"',
  cursor: '"019a4e5c-0000-7000-8000-000000000001"',
}

const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
)

const STRANGE_FIELDS = ['__proto__', 'constructor', 'tenant', 'actor', 'op', 'idempotencyKey', 'x']

type Field = readonly [name: string, json: string]

/** Mostly as it should be, so that the one thing that is wrong comes past all the others' checks. */
function fields(names: readonly string[]): fc.Arbitrary<Field[]> {
  const own = names.map((name) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constant([name, VALID[name] ?? '5'] as const) },
      { weight: 2, arbitrary: value.map((json) => [name, json] as const) },
      { weight: 2, arbitrary: fc.constant(undefined) },
    ),
  )
  const strange = fc.oneof(
    { weight: 15, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...STRANGE_FIELDS), value) },
  )
  return fc.tuple(...own, strange).map((all) => all.filter((field) => field !== undefined))
}

const asJson = (all: Field[]) => `{${all.map(([name, json]) => `"${name}":${json}`).join()}}`

/** Bare, as a query has it: `limit=5`, not `limit="5"`. */
const asQuery = (all: Field[]) =>
  new URLSearchParams(
    all.map(([name, json]): [string, string] => [name, json.replace(/^"|"$/g, '')]),
  ).toString()

export interface Malformed {
  segment: string
  query: string
  body: string
  type: string
  key: string | undefined
}

/** Requests of a route that are wrong somewhere, or nowhere. `ids` are path segments that exist. */
export function malformed(route: Route, ids: readonly string[]): fc.Arbitrary<Malformed> {
  const names = (target: string) =>
    route.expects
      .filter((expectation) => expectation.target === target)
      .flatMap(({ schema }) => Object.keys((schema as unknown as { shape?: object }).shape ?? {}))
  return fc.record({
    segment: fc.oneof(fc.constantFrom(...ids), fc.constantFrom(...SEGMENTS)),
    query: fields(names('query')).map(asQuery),
    body: fc.oneof(
      { weight: 8, arbitrary: fields(names('json')).map(asJson) },
      { weight: 1, arbitrary: value },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    ),
    type: fc.oneof(
      { weight: 9, arbitrary: fc.constant('application/json') },
      { weight: 1, arbitrary: fc.constantFrom('application/JSON; charset=x', 'text/plain', '') },
    ),
    key: fc.option(fc.string({ maxLength: 300 }), { nil: undefined, freq: 3 }),
  })
}
