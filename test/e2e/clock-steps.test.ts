import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { describe, expect, inject, onTestFinished } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { built } from '../support/built.ts'
import { test } from '../support/fixtures.ts'
import {
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  TEST_SECRET,
} from '../support/index.ts'

const LIBRARY = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))

const DAY = 24 * 3600

describe.skipIf(!LIBRARY)(
  'a machine whose clock is set',
  { meta: { skipReason: 'needs the Debian package faketime' } },
  () => {
    describeWithRedis('under a running server', () => {
      test('forward and back: it serves on, and only tokens that have expired by then end', async ({
        database,
      }) => {
        const clock = join(inject('runFolder'), `clock-${process.pid}`)
        const set = (step: string) => writeFile(clock, `${step}\n`)
        await set('+0')
        const port = await freePort()
        const child = spawn(process.execPath, [await built('main')], {
          stdio: 'ignore',
          env: {
            ...{
              PATH: process.env.PATH,
              PORT: String(port),
              HOST: '127.0.0.1',
              DRAIN_SECONDS: '0',
            },
            ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl(), JWT_SECRET: TEST_SECRET },
            ...{ LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1' },
            // Machines step the wall clock. Timers run by the other one.
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          },
        })
        onTestFinished(() => void child.kill('SIGKILL'))
        const url = `http://127.0.0.1:${port}`
        await eventually(() => fetch(`${url}/health/live`), { timeout: 60_000 })

        const boss = await mintToken({ sub: 'boss', roles: ['admin'], expiresIn: 30 * DAY })
        let balance = 0
        const pay = async () => {
          const response = await fetch(`${url}/transactions/adjustment`, {
            method: 'POST',
            headers: {
              ...{ Authorization: `Bearer ${boss}`, 'Content-Type': 'application/json' },
              // The faked clock may also be that of the server's timers, which then close what is idle.
              Connection: 'close',
            },
            body: JSON.stringify({ userId: 'clock', amount: 1, description: 'x' }),
          })
          balance += 1
          expect(await response.json()).toMatchObject({ newBalance: balance })
        }
        const listen = async (expiresIn: number) => {
          const token = await mintToken({ sub: 'clock', expiresIn })
          const seen: string[] = []
          const stream = new EventSource(`${url}/balance/stream?token=${token}`)
          onTestFinished(() => stream.close())
          stream.addEventListener('balance_initial', () => seen.push('initial'))
          stream.addEventListener('balance_updated', ({ data }) => {
            seen.push(JSON.parse(data).newBalance)
          })
          stream.addEventListener('error', ({ data }: MessageEvent & { data?: string }) => {
            if (data) seen.push(JSON.parse(data).code)
          })
          await eventually(() => expect(seen).toEqual(['initial']))
          return seen
        }
        const long = await listen(20 * DAY)
        const short = await listen(600)
        for (const step of ['+3000s', '-3d', '+2d', '+0']) {
          await set(step)
          await pay()
          await eventually(() => expect(long).toHaveLength(balance + 1))
          if (step !== '+3000s') continue
          await eventually(() => expect(short.at(-1)).toBe('token_expired'))
        }
        expect(long).toEqual(['initial', 1, 2, 3, 4])
        child.kill('SIGTERM')
        expect(await once(child, 'exit')).toEqual([0, null])
      })
    })
  },
)
