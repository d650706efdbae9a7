import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptSecret, ownSecret } from '../../src/auth/secret.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebalance secret '))
})
afterEach(() => rm(folder, { recursive: true }))

test('the secret of an embedded server is created once, readable only by its owner', async () => {
  const dataDir = join(folder, 'data')
  const secret = await ownSecret(dataDir)
  expect(secret.length).toBeGreaterThanOrEqual(32)
  expect(await ownSecret(dataDir)).toBe(secret)
  expect((await stat(join(dataDir, 'jwt-secret'))).mode & 0o777).toBe(0o600)
})

test('reading the secret does not create one', async () => {
  const dataDir = join(folder, 'data')
  expect(await keptSecret(dataDir)).toBeUndefined()
  await expect(stat(dataDir)).rejects.toThrow('ENOENT')
  const secret = await ownSecret(dataDir)
  expect(await keptSecret(dataDir)).toBe(secret)
})

test('servers that start at once agree on one secret', async () => {
  const secrets = await Promise.all(Array.from({ length: 8 }, () => ownSecret(folder)))
  expect(new Set(secrets).size).toBe(1)
})

test('a file that holds too little is refused, not used', async () => {
  await writeFile(join(folder, 'jwt-secret'), 'short\n')
  await expect(ownSecret(folder)).rejects.toThrow('fewer than 32 bytes')
})
