import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { PACKAGE_ROOT } from '../../src/lib/package-root.ts'
import { lastIdOf, type Received, test } from '../support/clients/scenario.ts'
import { eventually, mintToken } from '../support/index.ts'

interface Reconnecting {
  addEventListener(event: 'message', listener: (message: { data: string }) => void): void
  addEventListener(event: 'error', listener: (error: { message: string }) => void): void
  close(): void
}

type ReconnectingClass = new (
  url: () => string,
  protocols: string[],
  options: object,
) => Reconnecting

describe('reconnecting-websocket', () => {
  async function open(url: () => string): Promise<Reconnecting> {
    const { default: module } = await import('reconnecting-websocket' as string)
    const Socket = (module.default ?? module) as ReconnectingClass
    const options = { WebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 200 }
    const socket = new Socket(url, [], options)
    onTestFinished(() => socket.close())
    return socket
  }

  test('follows and resumes', async ({ follow }) => {
    await follow(async (url, token) => {
      const received: Received[] = []
      const socket = await open(() => {
        const query = new URLSearchParams({ token, lastEventId: lastIdOf(received) ?? '' })
        return `${url.replace('http', 'ws')}/balance?${query}`
      })
      socket.addEventListener('message', ({ data }) => {
        const { event, ...rest } = JSON.parse(data)
        received.push({ event, data: rest })
      })
      return { received, close: () => socket.close() }
    })
  })

  test('is told that it is refused', async ({ server }) => {
    const socket = await open(() => `${server.url.replace('http', 'ws')}/balance?token=nonsense`)
    const { message } = await new Promise<{ message: string }>((resolve) => {
      socket.addEventListener('error', resolve)
    })
    expect(message).toBe('Unexpected server response: 401')
  })
})

describe('wscat', () => {
  function open(url: string, token: string) {
    const program = join(PACKAGE_ROOT, 'node_modules/.bin/wscat')
    const child = spawn(program, ['-c', `${url.replace('http', 'ws')}/balance?token=${token}`])
    const terminal = { output: '', type: (line: string) => child.stdin.write(`${line}\n`) }
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        terminal.output += bytes
      })
    }
    onTestFinished(() => void child.kill())
    return terminal
  }

  test('shows the balance and each event', async ({ server, user }) => {
    await server.fund(user, 100)
    const terminal = open(server.url, await mintToken({ sub: user }))
    await eventually(() => expect(terminal.output).toContain('"event":"balance_initial"'))
    await server.fund(user, 5)
    await eventually(() => expect(terminal.output).toMatch(/"event":"balance_updated".*105/))
    terminal.type('{"event":"get_current_balance"}')
    await eventually(() => expect(terminal.output).toMatch(/"event":"balance_current".*105/))
  })

  test('says that it is refused', async ({ server }) => {
    const terminal = open(server.url, 'nonsense')
    await eventually(() => expect(terminal.output).toContain('Unexpected server response: 401'))
  })
})
