import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, vi } from 'vitest'
import { example } from '../support/clients/examples.ts'
import { type Received, test } from '../support/clients/scenario.ts'
import { eventually, mintToken } from '../support/index.ts'

interface Options {
  headers: Record<string, string>
  signal: AbortSignal
  openWhenHidden: boolean
  fetch: typeof fetch
  onopen(response: Response): Promise<void>
  onmessage(message: { event: string; data: string }): void
  onerror(error: unknown): number | undefined
}
/** It is made for pages: these are the parts of a window that it uses. */
const page = { fetch, setTimeout, clearTimeout }
const document = { hidden: false, addEventListener() {}, removeEventListener() {} }
Object.assign(globalThis, { window: page, document })

type FetchEventSource = (url: string, options: Options) => Promise<void>

async function open(url: string, options: Pick<Options, 'headers' | 'onmessage'>) {
  const { fetchEventSource } = (await import('@microsoft/fetch-event-source' as string)) as {
    fetchEventSource: FetchEventSource
  }
  const stop = new AbortController()
  const done = fetchEventSource(`${url}/balance/stream`, {
    ...options,
    signal: stop.signal,
    openWhenHidden: true,
    fetch,
    async onopen(response) {
      if (!response.ok) throw Object.assign(new Error('refused'), await response.json())
    },
    onerror(error) {
      if ((error as { code?: unknown }).code === 'unauthorized') throw error
      return 50
    },
  })
  return { done, close: () => stop.abort() }
}

test('@microsoft/fetch-event-source follows and resumes', async ({ follow }) => {
  await follow(async (url, token) => {
    const received: Received[] = []
    const { close } = await open(url, {
      headers: { Authorization: `Bearer ${token}` },
      onmessage({ event, data }) {
        if (data) received.push({ event, data: JSON.parse(data) })
      },
    })
    return { received, close }
  })
})

test('it does what the guide shows', async ({ server, user }) => {
  const updateUI = vi.fn()
  let ended = false
  page.fetch = (...call) => (ended ? new Promise(() => {}) : fetch(...call))
  onTestFinished(() => {
    ended = true
  })
  Object.assign(globalThis, { updateUI })
  const folder = mkdtempSync(join(import.meta.dirname, 'node_modules/.example-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const play = (token: string) => {
    const file = join(folder, `${token.length}.mjs`)
    writeFileSync(file, example('fetch-event-source', server.url, token))
    return import(/* @vite-ignore */ pathToFileURL(file).href)
  }
  await server.fund(user, 100)
  void play(await mintToken({ sub: user }))
  await eventually(() => expect(updateUI).toHaveBeenLastCalledWith(100))
  await server.fund(user, 5)
  await eventually(() => expect(updateUI).toHaveBeenLastCalledWith(105))
  await expect(play('nonsense')).rejects.toThrow('unauthorized: The token is missing or not valid.')
})

test('it is told why it is refused', async ({ server }) => {
  const headers = { Authorization: 'Bearer nonsense' }
  const { done } = await open(server.url, { headers, onmessage() {} })
  await expect(done).rejects.toMatchObject({
    code: 'unauthorized',
    message: 'The token is missing or not valid.',
    details: { reason: 'malformed' },
  })
})
