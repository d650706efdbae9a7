import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openClient } from '../../src/client/client.ts'
import { Retry } from '../../src/client/retry.ts'
import { currentRuntime } from '../../src/client/runtime.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('a retry', () => {
  /** The length of a wait in milliseconds. */
  async function waited(retry: Retry, atLeast?: number): Promise<number> {
    const start = Date.now()
    const wait = retry.wait(atLeast).then(() => Date.now() - start)
    await vi.runAllTimersAsync()
    return wait
  }

  test('waits up to twice as long each time, at random, and never longer than the most', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const retry = new Retry({ minDelay: 100, maxDelay: 1_000 })
    const waits = []
    for (let i = 0; i < 6; i++) waits.push(await waited(retry))
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
    vi.spyOn(Math, 'random').mockReturnValue(0.25)
    expect(await waited(retry)).toBe(250)
    retry.reset()
    expect(await waited(retry)).toBe(25)
  })

  test('waits as long as the server asks for, and a little more', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    expect(await waited(new Retry({ minDelay: 100 }), 3)).toBe(3_050)
  })
})

describe('a connection that says nothing', () => {
  /** A client over SSE. `send` makes its server send a text. */
  function listen() {
    const encoder = new TextEncoder()
    const streams: ReadableStreamDefaultController<Uint8Array>[] = []
    const fetch = vi.fn(
      async (_input: string, init?: RequestInit) =>
        new Response(
          new ReadableStream<Uint8Array>({
            start(controller) {
              streams.push(controller)
              init?.signal?.addEventListener('abort', () => controller.error(new Error('aborted')))
            },
          }),
        ),
    )
    let awake = () => {}
    const client = openClient(
      { url: 'http://balance.test', token: 'a', transport: 'sse', fetch, retry: { maxDelay: 1 } },
      {
        ...currentRuntime(),
        onWake: (listener) => {
          awake = listener
          return () => {}
        },
      },
    )
    const send = async (text: string) => {
      streams.at(-1)?.enqueue(encoder.encode(text))
      await vi.advanceTimersByTimeAsync(0)
    }
    const begin = () =>
      send('event: balance_initial\ndata: {"balance":1,"currency":"USD","id":"e:1","seq":1}\n\n')
    return { client, fetch, send, begin, awake: () => awake() }
  }

  test('is left alone while it beats, and replaced when it does not', async () => {
    const { client, fetch, send, begin } = listen()
    await vi.advanceTimersByTimeAsync(0)
    await begin()
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(15_000)
      await send(': beat\n\n')
    }
    expect([fetch.mock.calls.length, client.getSnapshot().status.state]).toEqual([1, 'live'])
    await vi.advanceTimersByTimeAsync(36_000)
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(client.getSnapshot().error?.code).toBe('timeout')
    expect(fetch.mock.lastCall?.[0]).toContain('lastEventId=e%3A1')
    client.close()
  })

  test('is replaced sooner when the page is looked at again and a beat is overdue', async () => {
    const { client, fetch, begin, awake } = listen()
    await vi.advanceTimersByTimeAsync(0)
    await begin()
    await vi.advanceTimersByTimeAsync(20_000)
    awake()
    await vi.advanceTimersByTimeAsync(10)
    expect(fetch).toHaveBeenCalledTimes(2)
    client.close()
  })

  test('is replaced when it never says the balance', async () => {
    const { client, fetch } = listen()
    await vi.advanceTimersByTimeAsync(8_010)
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(client.getSnapshot()).toMatchObject({ balance: null, status: { state: 'connecting' } })
    client.close()
  })

  test('outside of web pages a client needs a URL, and says so', () => {
    expect(() => openClient({ token: 'a' }, currentRuntime())).toThrow('url is required')
  })
})
