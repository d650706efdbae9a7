import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { createDatabase } from '../support/index.ts'

const FOLDER = new URL('../../sql/examples/', import.meta.url)
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'))

/** The file, with what Postgres says after each statement. */
async function played(text: string): Promise<string> {
  const database = await createDatabase()
  const sql = connect(database.ownerUrl, { max: 1 })
  try {
    let out = ''
    for (const part of text.trim().split(/;\n+/)) {
      const statement = part.replace(/;\s*$/, '')
      out += `${statement};\n${await said(statement)}\n\n`
    }
    return out
  } finally {
    await sql.end()
    await database.drop()
  }

  async function said(statement: string): Promise<string> {
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
}

test.each(examples)(
  '%s says what its committed output says (to renew it: UPDATE_EXAMPLES=1)',
  async (name) => {
    const golden = new URL(`${name}.out`, FOLDER)
    const out = await played(readFileSync(new URL(name, FOLDER), 'utf8'))
    if (process.env.UPDATE_EXAMPLES) writeFileSync(golden, out)
    expect(out).toBe(readFileSync(golden, 'utf8'))
  },
)
