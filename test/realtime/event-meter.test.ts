import { expect, test } from 'vitest'
import { EventMeter } from '../../src/realtime/metrics.ts'

function meterAt(start: number) {
  let now = start
  const meter = new EventMeter(() => now)
  return {
    meter,
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

test('events are counted by the second, and averaged over ten', () => {
  const { meter, pass } = meterAt(1_000_000)
  for (let i = 0; i < 20; i++) meter.mark()
  pass(1)
  meter.mark()
  pass(1)
  const { perSecond, recent, total } = meter.read()
  expect(recent).toHaveLength(59)
  expect(recent.slice(-3)).toEqual([0, 20, 1])
  expect([perSecond, total]).toEqual([2.1, 21])
})

test('a minute later they are forgotten, but for the total', () => {
  const { meter, pass } = meterAt(1_000_000)
  meter.mark()
  pass(61)
  const { perSecond, recent, total } = meter.read()
  expect([perSecond, Math.max(...recent), total]).toEqual([0, 0, 1])
})

test('a clock that is set back loses nothing', () => {
  const { meter, pass } = meterAt(1_000_000)
  meter.mark()
  pass(-30)
  meter.mark()
  pass(31)
  expect(meter.read()).toMatchObject({ total: 2, perSecond: 0.2 })
})
