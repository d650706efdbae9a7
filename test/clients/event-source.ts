import { EventSource as EventSource4 } from 'eventsource'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { EVENTS, type ForeignClient, type Received, test } from '../support/clients/scenario.ts'

/** What all the implementations have in common. */
interface Source {
  addEventListener(event: string, listener: (message: Message) => void): void
  close(): void
}

interface Message {
  data?: string
  status?: number
  code?: number
  message?: string
}

type SourceClass = new (url: string, options?: object) => Source

interface Implementation {
  load(): Promise<SourceClass>
  /** Whether it can send headers. Then the token is not in the URL. */
  headers?: true
  /** What it tells of a refusal. */
  refusal: object
}

const IMPLEMENTATIONS: Record<string, Implementation> = {
  'eventsource 1': {
    load: async () => (await import('eventsource-1' as string)).default,
    headers: true,
    refusal: { status: 401, message: 'Unauthorized' },
  },
  'eventsource 2': {
    load: async () => (await import('eventsource-2' as string)).default,
    headers: true,
    refusal: { status: 401, message: 'Unauthorized' },
  },
  'eventsource 3': {
    load: async () => (await import('eventsource-3' as string)).EventSource,
    refusal: { code: 401, message: 'Non-200 status code (401)' },
  },
  'eventsource 4': {
    load: async () => EventSource4,
    refusal: { code: 401, message: 'Non-200 status code (401)' },
  },
  'event-source-polyfill': {
    load: async () => (await import('event-source-polyfill' as string)).default.EventSourcePolyfill,
    headers: true,
    refusal: { status: 401 },
  },
}

/** The polyfill writes each broken connection to the console. */
function quiet(): void {
  const spy = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => spy.mockRestore())
}

describe.for(Object.entries(IMPLEMENTATIONS))('%s', ([, { load, headers, refusal }]) => {
  async function open(url: string, token: string): Promise<Source> {
    const Source = await load()
    return headers
      ? new Source(`${url}/balance/stream`, { headers: { Authorization: `Bearer ${token}` } })
      : new Source(`${url}/balance/stream?token=${token}`)
  }

  test('follows and resumes', async ({ follow }) => {
    quiet()
    await follow(async (url, token): Promise<ForeignClient> => {
      const received: Received[] = []
      const source = await open(url, token)
      for (const event of EVENTS) {
        source.addEventListener(event, ({ data }) => {
          // Without data it is the implementation's own event of a broken connection.
          if (data !== undefined) received.push({ event, data: JSON.parse(data) })
        })
      }
      return { received, close: () => source.close() }
    })
  })

  test('is told that it is refused', async ({ server }) => {
    quiet()
    const source = await open(server.url, 'nonsense')
    const reason = await new Promise((resolve) => source.addEventListener('error', resolve))
    source.close()
    expect(reason).toMatchObject(refusal)
  })
})
