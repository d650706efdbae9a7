import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { sleep, withTimeout } from '../../src/lib/timeout.ts'

const run = promisify(execFile)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const fail = (): never => {
  throw new Error('too late')
}

describe('sleep', () => {
  test('resolves when the time is up, not before, and keeps no timer', async () => {
    const woke = vi.fn()
    sleep(1_000).then(woke)
    await vi.advanceTimersByTimeAsync(999)
    expect(woke).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(woke).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('ends early when its signal is aborted, and keeps no timer', async () => {
    const stop = new AbortController()
    const woke = vi.fn()
    sleep(1_000, { signal: stop.signal }).then(woke)
    expect(vi.getTimerCount()).toBe(1)
    stop.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect(woke).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('does not begin when its signal is aborted already', async () => {
    await sleep(1_000, { signal: AbortSignal.abort() })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('lets the process exit before the time is up only with unref', async () => {
    vi.useRealTimers()
    const source = new URL('../../src/lib/timeout.ts', import.meta.url)
    const output = async (options: string) => {
      const program = `
        import { sleep } from '${source}'
        sleep(100, ${options}).then(() => console.log('awake'))`
      const flags = ['--import', 'tsx', '--input-type=module', '--eval']
      return (await run(process.execPath, [...flags, program])).stdout
    }
    expect(await output('{}')).toBe('awake\n')
    expect(await output('{ unref: true }')).toBe('')
  })
})

describe('withTimeout', () => {
  test('gives the value that comes in time, and keeps no timer', async () => {
    expect(await withTimeout(Promise.resolve(7), 1_000, fail)).toBe(7)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('throws the error that comes in time, and keeps no timer', async () => {
    const failed = Promise.reject(new Error('no luck'))
    await expect(withTimeout(failed, 1_000, fail)).rejects.toThrow('no luck')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('gives the other value when the time is up, and drops the late one', async () => {
    const result = withTimeout(
      sleep(2_000).then(() => 7),
      1_000,
      () => null,
    )
    const settled = vi.fn()
    result.then(settled)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(settled.mock.calls).toEqual([[null]])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('throws what onTimeout throws', async () => {
    const result = withTimeout(new Promise(() => {}), 1_000, fail)
    const thrown = expect(result).rejects.toThrow('too late')
    await vi.advanceTimersByTimeAsync(1_000)
    await thrown
  })

  test('does not ask onTimeout when the promise settles in time', async () => {
    const onTimeout = vi.fn()
    withTimeout(sleep(500), 1_000, onTimeout)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(onTimeout).not.toHaveBeenCalled()
  })

  test('a late rejection is not an unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const late = sleep(2_000).then(fail)
    const result = withTimeout(late, 1_000, () => 'in place of it')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await result).toBe('in place of it')
    await vi.advanceTimersByTimeAsync(1_000)
    vi.useRealTimers()
    // Node reports unhandled rejections after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).not.toHaveBeenCalled()
    process.off('unhandledRejection', unhandled)
  })
})
