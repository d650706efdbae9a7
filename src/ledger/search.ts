import { CURRENCIES } from '../lib/currencies.ts'
import type { Sql } from '../postgres/database.ts'
import type { Transaction } from './command.ts'
import { InvalidAmount, toMinor } from './money.ts'
import { type TransactionRow, toIso, toTransaction } from './rows.ts'

const WALKED_PER_PAGE = 20_000

/** Transactions found by an index: those with the reference, or with the beginning of the id. */
const FOUND_BY_INDEX = 100

const STATEMENT_TIMEOUT_MS = 3_000

export interface SearchQuery {
  tenant: string
  /** What is looked for: see `SearchPage`. */
  text: string
  /** Only transactions of this user. */
  userId?: string
  /** The `nextCursor` of the page before. */
  cursor?: string
  limit: number
}

/**
 * A page of what was found, newest first. The first page also has what an index finds at once: the user with this id,
 * and transactions with this reference or whose id begins so. Each page then looks at a bounded number of transactions
 * for the amount, or for the text in the description or the notes.
 */
export interface SearchPage {
  /** The user of this id, if there is one. */
  userId: string | null
  items: Transaction[]
  /** Null if everything was looked at. */
  nextCursor: string | null
  /** The page looked at everything since then (ISO 8601); null: everything. */
  searchedTo: string | null
}

/** Finds transactions by what an admin may know of them. */
export class TransactionSearch {
  readonly #sql: Sql
  readonly #walkedPerPage: number

  /** @param options.walkedPerPage transactions that one page looks at, newest first. Default 20,000 */
  constructor(sql: Sql, { walkedPerPage = WALKED_PER_PAGE } = {}) {
    this.#sql = sql
    this.#walkedPerPage = walkedPerPage
  }

  /** @throws DatabaseUnavailable if a statement took too long */
  search(query: SearchQuery): Promise<SearchPage> {
    return this.#sql.begin(async (tx) => {
      await tx`select set_config('statement_timeout', ${String(STATEMENT_TIMEOUT_MS)}, true)`
      return this.#page(tx as unknown as Sql, query)
    }) as Promise<SearchPage>
  }

  async #page(sql: Sql, query: SearchQuery): Promise<SearchPage> {
    const { tenant, text, cursor, limit } = query
    const isFirst = cursor === undefined
    const whose = this.#whose(sql, query)
    const after = isFirst ? sql`` : sql`and id < ${cursor}`
    const prefix = idPrefix(text)
    const byId = prefix
      ? sql`(id between ${prefix.first}::text::uuid and ${prefix.last}::text::uuid)`
      : sql`false`
    const indexed = isFirst ? await this.#byIndex(sql, query, byId) : []
    const wanted = amounts(text)
    const found = await sql<{ json: TransactionRow }[]>`
      select to_json(found) as json from (
        select * from (
          select * from transactions where ${whose} ${after} order by id desc limit ${this.#walkedPerPage}
        ) as walked
        where (${wanted ? hasAmount(sql, wanted) : nothing(sql)} or ${contains(sql, text)}) and not ${byId} and reference_id is distinct from ${text}
        order by id desc limit ${limit + 1}
      ) as found`
    const page = found.slice(0, limit)
    const userId = isFirst ? await this.#user(sql, tenant, text) : null
    const items = [...indexed, ...page.map(({ json }) => json)].map(toTransaction)
    if (found.length > limit) {
      const last = page.at(-1)?.json
      const searchedTo = last ? toIso(last.created_at) : null
      return { userId, items, nextCursor: last?.id ?? null, searchedTo }
    }
    const [end] = await sql<{ id: string; created_at: string }[]>`
      select id, to_json(created_at) #>> '{}' as created_at from transactions
      where ${whose} ${after} order by id desc offset ${this.#walkedPerPage - 1} limit 1`
    return {
      ...{ userId, items, nextCursor: end?.id ?? null },
      searchedTo: end ? toIso(end.created_at) : null,
    }
  }

  async #byIndex(sql: Sql, query: SearchQuery, byId: Part): Promise<TransactionRow[]> {
    const { tenant, text, userId } = query
    const ofUser = userId === undefined ? sql`` : sql`and user_id = ${userId}`
    const rows = await sql<{ json: TransactionRow }[]>`
      select to_json(found) as json from (
        (select * from transactions where tenant = ${tenant} and ${byId} ${ofUser} order by id desc limit ${FOUND_BY_INDEX})
        union
        (select * from transactions where tenant = ${tenant} and reference_id = ${text} ${ofUser}
         order by id desc limit ${FOUND_BY_INDEX})
      ) as found order by id desc limit ${FOUND_BY_INDEX}`
    return rows.map(({ json }) => json)
  }

  async #user(sql: Sql, tenant: string, text: string): Promise<string | null> {
    const [row] = await sql<{ user_id: string }[]>`
      select user_id from wallets where tenant = ${tenant} and user_id = ${text}`
    return row?.user_id ?? null
  }

  #whose(sql: Sql, { tenant, userId }: SearchQuery) {
    if (userId === undefined) return sql`tenant = ${tenant}`
    return sql`wallet_id = wallet_of(${tenant}, ${userId})`
  }
}

const nothing = (sql: Sql) => sql`false`
/** A part of a statement. */
type Part = ReturnType<typeof nothing>

const HEX_DIGITS = 32
const FEWEST_DIGITS = 8

/** The range of ids that begin so. Undefined for what is no beginning of an id. */
function idPrefix(text: string): { first: string; last: string } | undefined {
  if (!/^[0-9a-f][0-9a-f-]{0,35}$/i.test(text)) return undefined
  const digits = text.replaceAll('-', '')
  if (digits.length < FEWEST_DIGITS || digits.length > HEX_DIGITS) return undefined
  return { first: digits.padEnd(HEX_DIGITS, '0'), last: digits.padEnd(HEX_DIGITS, 'f') }
}

/** `12.50`, `12.50 EUR`, `-3`: of either sign, in this currency or any. Undefined for what is no amount. */
function amounts(text: string): Record<string, string> | undefined {
  const [, amount, code] = /^-?(\d{1,16}(?:\.\d{1,3})?)(?: ?([A-Za-z]{3}))?$/.exec(text) ?? []
  if (amount === undefined) return undefined
  const currencies = code === undefined ? [...CURRENCIES.keys()] : [code.toUpperCase()]
  return Object.fromEntries(
    currencies.flatMap((currency) => {
      const minor = minorOf(amount, currency)
      return minor === undefined ? [] : [[currency, minor.toString()]]
    }),
  )
}

const hasAmount = (sql: Sql, byCurrency: Record<string, string>) =>
  sql`((currency, abs(amount)) in (
    select key, value::bigint from json_each_text(${JSON.stringify(byCurrency)}::text::json)))`

function minorOf(amount: string, currency: string): bigint | undefined {
  if (!CURRENCIES.has(currency)) return undefined
  try {
    return toMinor(amount, currency)
  } catch (error) {
    if (error instanceof InvalidAmount) return undefined
    throw error
  }
}

/** In any case of letters. */
const contains = (sql: Sql, text: string) =>
  sql`(strpos(lower(description), lower(${text})) > 0 or strpos(lower(admin_notes), lower(${text})) > 0)`
