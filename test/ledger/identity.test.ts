import { expect } from 'vitest'
import { isTenant, isUserId } from '../../src/lib/identity.ts'
import { test } from '../support/fixtures.ts'
import { NO_IDS, USER_IDS } from '../support/user-ids.ts'

test('the ledger and the server accept the same characters in the ids of users and tenants', async ({
  owner,
}) => {
  const domains = await owner<{ name: string; rule: string }[]>`
    select t.typname as name, pg_get_expr(c.conbin, 0) as rule
    from pg_constraint c join pg_type t on t.oid = c.contypid
    where t.typname in ('user_name', 'tenant_name') order by name`
  expect(domains).toHaveLength(2)
  const accepted = { user_name: isUserId, tenant_name: isTenant }
  for (const { name, rule } of domains) {
    // Halves of pairs are no characters: neither Postgres nor UTF-8 has them.
    const rows = await owner.unsafe<{ code: number; fits: boolean }[]>(`
      select code, ${rule.replaceAll('VALUE', "('a' || chr(code))")} as fits
      from generate_series(1, 131071) as code where code not between 55296 and 57343`)
    const wrong = rows.filter(
      ({ code, fits }) =>
        fits !== accepted[name as keyof typeof accepted](`a${String.fromCodePoint(code)}`),
    )
    expect(wrong).toEqual([])
    expect(rows.filter(({ fits }) => !fits)).toHaveLength(84)
  }
})

test.for(Object.entries(USER_IDS))('%s opens a wallet', async ([, id], { sql }) => {
  expect(isUserId(id)).toBe(true)
  const [row] = await sql`select open_wallet('default', ${id}) as wallet`
  const [found] = await sql`select user_id from wallets where id = ${row?.wallet}`
  expect(found?.user_id).toBe(id)
})

test.for(Object.entries(NO_IDS))('%s is no user and no tenant', async ([name, id], { sql }) => {
  expect([isUserId(id), isTenant(id)]).toEqual([false, false])
  // The driver cannot send these two as they are.
  if (name === 'NUL' || name === 'half of a pair') return
  await expect(sql`select open_wallet('default', ${id})`).rejects.toMatchObject({ code: '23514' })
  await expect(sql`select open_wallet(${id}, 'ann')`).rejects.toMatchObject({ code: '23514' })
})

test('a tenant has at most 64 characters', async ({ sql }) => {
  const longest = '\u{10400}'.repeat(64)
  expect([isTenant(longest), isTenant(`${longest}a`)]).toEqual([true, false])
  await sql`select open_wallet(${longest}, 'ann')`
  await expect(sql`select open_wallet(${`${longest}a`}, 'ann')`).rejects.toMatchObject({
    code: '23514',
  })
})
