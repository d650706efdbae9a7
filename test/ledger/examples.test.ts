import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { test } from '../support/fixtures.ts'

const FOLDER = new URL('../../sql/examples/', import.meta.url)
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'))

/** The file, with the answer of Postgres after each statement. */
async function played(sql: Sql, text: string): Promise<string> {
  let out = ''
  for (const part of text.trim().split(/;\n+/)) {
    const statement = part.replace(/;\s*$/, '')
    out += `${statement};\n${await said(sql, statement)}\n\n`
  }
  return out
}

async function said(sql: Sql, statement: string): Promise<string> {
  try {
    const rows = await sql.unsafe(statement).values()
    const names = rows.columns.map((column) => column.name)
    return [names, ...rows]
      .map((row) => `--> ${row.map((value) => value ?? '').join(' | ')}`.trimEnd())
      .join('\n')
  } catch (error) {
    return `--> ERROR: ${(error as Error).message}`
  }
}

test.for(examples)(
  '%s says what its committed output says (to renew it: UPDATE_EXAMPLES=1)',
  async (name, { emptyDatabase, emptyOwner }) => {
    await migrate(emptyDatabase.ownerUrl)
    const golden = new URL(`${name}.out`, FOLDER)
    const out = await played(emptyOwner, readFileSync(new URL(name, FOLDER), 'utf8'))
    if (process.env.UPDATE_EXAMPLES) writeFileSync(golden, out)
    expect(out).toBe(readFileSync(golden, 'utf8'))
  },
)
