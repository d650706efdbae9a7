import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownVapidKeys } from '../../src/deliveries/vapid-file.ts'
import { isVapidPair, newVapidKeys } from '../../src/lib/vapid.ts'

test('an embedded server makes its keys once, for its owner only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vapid-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const dataDir = join(folder, 'data')
  const made = await Promise.all(Array.from({ length: 5 }, () => ownVapidKeys(dataDir)))
  expect(new Set(made.map(({ publicKey }) => publicKey)).size).toBe(1)
  const path = join(dataDir, 'vapid.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(made[0])
  await writeFile(path, '{"publicKey":"x"}')
  await expect(ownVapidKeys(dataDir)).rejects.toThrow(`${path} holds no pair of keys`)
})

test('two keys are a pair only if one is made from the other', () => {
  for (let i = 0; i < 50; i++) {
    const { publicKey, privateKey } = newVapidKeys()
    expect([publicKey.length, privateKey.length]).toEqual([87, 43])
    expect(isVapidPair(publicKey, privateKey)).toBe(true)
    expect(isVapidPair(newVapidKeys().publicKey, privateKey)).toBe(false)
  }
  expect(isVapidPair('', '')).toBe(false)
})
