import { PushDevices } from '../../../src/deliveries/push-devices.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { MARK, theirs } from './tenant-names.ts'

export const TAB = '019a4e5c-0000-7000-8000-000000000009'

export const ADDRESS_OF_THEIRS = `https://push.example.com/${MARK}`

/** A device of `theirs`, with settings, and a page that is open. */
export async function openPush(sql: Sql) {
  const devices = new PushDevices(sql)
  const device = await devices.register(theirs, {
    ...{ kind: 'web', address: ADDRESS_OF_THEIRS, keys: { p256dh: MARK, auth: MARK } },
    ...{ service: `https://push.example.com`, label: MARK, language: 'en', figures: true },
  })
  if (typeof device === 'string') throw new Error(device)
  await devices.configure(theirs, {
    rules: { lowBalance: { on: true, below: { USD: 77_777_777n } } },
    quietHours: { from: 1, to: 2, timeZone: 'UTC' },
  })
  await devices.seen(theirs, TAB, 3600)
  return { devices, device: device.id }
}
