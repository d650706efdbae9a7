import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { inProcess } from '../support/cli/livebalance.ts'

test('vapid prints settings that a server takes, another pair each time, and stores nothing', async () => {
  const DATA_DIR = join(inject('runFolder'), 'vapid')
  const [first, second] = [
    await inProcess({ DATA_DIR }, 'vapid'),
    await inProcess({ DATA_DIR }, 'vapid'),
  ]
  for (const { code, stdout, stderr } of [first, second]) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trim().split('\n')
    const settings = Object.fromEntries(lines.map((line) => line.split('=')))
    const { push } = parseConfig({ ...settings, VAPID_SUBJECT: 'mailto:ops@example.com' })
    expect(push.keys).toEqual({
      publicKey: settings.VAPID_PUBLIC_KEY,
      privateKey: settings.VAPID_PRIVATE_KEY,
    })
  }
  expect(first.stdout).not.toBe(second.stdout)
  expect(existsSync(DATA_DIR)).toBe(false)
})

test('vapid --json prints the pair as an object', async () => {
  const { code, stdout } = await inProcess({}, 'vapid', '--json')
  const { publicKey, privateKey, ...rest } = JSON.parse(stdout)
  expect({ code, rest }).toEqual({ code: 0, rest: {} })
  const settings = {
    ...{ VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey },
    VAPID_SUBJECT: 'https://example.com/contact',
  }
  expect(parseConfig(settings).push.keys).toEqual({ publicKey, privateKey })
})
