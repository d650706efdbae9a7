import { expect, test } from 'vitest'
import { endOfQuiet, isQuiet, isTimeZone } from '../../src/deliveries/quiet-hours.ts'

const night = (timeZone: string) => ({ from: 22 * 60, to: 7 * 60, timeZone })
const at = (time: string) => Date.parse(time)
const end = (timeZone: string, time: string) =>
  new Date(endOfQuiet(night(timeZone), at(time))).toISOString()

test('quiet hours are by the clock on the user’s wall', () => {
  const hanoi = night('Asia/Ho_Chi_Minh')
  expect(isQuiet(hanoi, at('2026-01-10T14:59:59Z'))).toBe(false)
  expect(isQuiet(hanoi, at('2026-01-10T15:00:00Z'))).toBe(true)
  expect(isQuiet(hanoi, at('2026-01-10T23:59:59Z'))).toBe(true)
  expect(isQuiet(hanoi, at('2026-01-11T00:00:00Z'))).toBe(false)
  expect(end('Asia/Ho_Chi_Minh', '2026-01-10T15:00:30Z')).toBe('2026-01-11T00:00:00.000Z')
  const noon = { from: 12 * 60, to: 13 * 60, timeZone: 'Asia/Kathmandu' }
  expect(isQuiet(noon, at('2026-01-10T06:15:00Z'))).toBe(true)
  expect(isQuiet(noon, at('2026-01-10T07:15:00Z'))).toBe(false)
})

test('they end on time also in a night in which the clock is changed', () => {
  // Berlin: forward at 01:00Z on 29 March, back at 01:00Z on 25 October.
  expect(end('Europe/Berlin', '2026-03-28T22:00:00Z')).toBe('2026-03-29T05:00:00.000Z')
  expect(end('Europe/Berlin', '2026-10-24T21:00:00Z')).toBe('2026-10-25T06:00:00.000Z')
  expect(end('Europe/Berlin', '2026-06-01T21:00:00Z')).toBe('2026-06-02T05:00:00.000Z')
})

test('they end at the next minute there is, if theirs is skipped', () => {
  const skipped = { from: 60, to: 150, timeZone: 'Europe/Berlin' }
  let now = at('2026-03-29T00:30:00Z')
  for (let waits = 0; isQuiet(skipped, now) && waits < 100; waits++) now = endOfQuiet(skipped, now)
  expect(new Date(now).toISOString()).toBe('2026-03-29T01:00:00.000Z')
})

test('a name that no clock knows is no time zone', () => {
  expect(isTimeZone('Europe/Berlin')).toBe(true)
  expect(isTimeZone('Europe/Atlantis')).toBe(false)
  expect(isTimeZone('')).toBe(false)
})
