import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TabTools } from '../../src/client/runtime.ts'
import { Browser } from '../support/client/browser.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'

/**
 * What the client relies on in Web Locks and BroadcastChannel. Each function runs on the tests' stand-in and in a
 * real browser, so it uses nothing but its argument and globals.
 */
const CONTRACT: Record<string, [run: (tools: TabTools) => Promise<unknown>, expected: unknown]> = {
  'a lock has one holder, and the next one gets it after a release': [
    async ({ locks }) => {
      const order: string[] = []
      let release = () => {}
      const first = locks.request('order', {}, () => {
        order.push('first')
        return new Promise<void>((resolve) => {
          release = resolve
        })
      })
      const second = locks.request('order', {}, async () => {
        order.push('second')
      })
      while (order.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      order.push('released')
      release()
      await Promise.all([first, second])
      return order
    },
    ['first', 'released', 'second'],
  ],
  'a lock can be stolen, and its holder is told with an AbortError': [
    async ({ locks }) => {
      let held = false
      const first = locks.request('stolen', {}, () => {
        held = true
        return new Promise<void>(() => {})
      })
      const lost = first.catch((error: Error) => error.name)
      while (!held) await new Promise((resolve) => setTimeout(resolve, 1))
      let stolen = false
      await locks.request('stolen', { steal: true }, async () => {
        stolen = true
      })
      return [await lost, stolen]
    },
    ['AbortError', true],
  ],
  'a message reaches the other channels of its name as a copy, not its own and no closed one': [
    async ({ openChannel }) => {
      const heard: unknown[] = []
      const [own, other, closed, foreign] = [
        openChannel('a'),
        openChannel('a'),
        openChannel('a'),
        openChannel('b'),
      ] as const
      const listen = (name: string, channel: typeof own) => {
        channel.onmessage = ({ data }: { data: unknown }) => heard.push([name, data])
      }
      listen('own', own)
      listen('other', other)
      listen('closed', closed)
      listen('foreign', foreign)
      closed.close()
      const message = { balance: 1 }
      own.postMessage(message)
      message.balance = 2
      while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      own.postMessage('last')
      while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
      for (const channel of [own, other, foreign]) channel.close()
      return heard
    },
    [
      ['other', { balance: 1 }],
      ['other', 'last'],
    ],
  ],
}

describe('the stand-in for a browser’s tabs', () => {
  test.each(Object.entries(CONTRACT))('%s', async (_, [run, expected]) => {
    expect(await run(new Browser().toolsOf({ frozen: false }))).toEqual(expected)
  })
})

describeInBrowser('a real browser’s tabs', () => {
  test.each(Object.entries(CONTRACT))('%s', async (_, [run, expected]) => {
    const server = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>empty</title>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { open } = await visitor()
    const page = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const tools = `({
      locks: { request: (name, options, callback) => navigator.locks.request(name, options, callback) },
      openChannel: (name) => new BroadcastChannel(name),
    })`
    await expect.poll(() => page.evaluate(`(${run.toString()})(${tools})`)).toEqual(expected)
  })
})
