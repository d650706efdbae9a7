import { expect } from 'vitest'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { test } from '../support/processes.ts'
import { connectAll } from '../support/realtime/balance-server.ts'
import type { ServerProcess } from '../support/server-process.ts'

describeWithPrivateRedis('two processes whose Redis was killed', () => {
  test('a revocation in one process ends connections in the other, and outlives a restart', async ({
    redis,
    startProcess,
  }) => {
    const [here, there] = await Promise.all([startProcess(), startProcess()])

    const ask = async (server: ServerProcess, request: string, token: string, body?: object) => {
      const [method = '', path = ''] = request.split(' ')
      const response = await fetch(server.url + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
      const answer: any = await response.json()
      return { status: response.status, body: answer }
    }
    const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
    const alice = await mintToken({ sub: 'alice' })
    const clients = await connectAll(there.url, alice)
    for (const { received } of clients) expect(received[0]?.event).toBe('balance_initial')

    await redis.kill()
    const revoked = await ask(here, 'POST /admin/revocations', admin, { userId: 'alice' })
    const began = performance.now()
    expect(revoked.status).toBe(201)
    expect((await ask(here, 'GET /transactions/balance', alice)).body.code).toBe('token_revoked')
    await Promise.all(clients.map(({ failure }) => failure))
    console.log(`revoked without Redis: all ended in ${(performance.now() - began).toFixed()} ms`)
    for (const { received } of clients) expect(received.at(-1)?.data.code).toBe('token_revoked')
    expect(await ask(there, 'GET /transactions/balance', alice)).toMatchObject({
      status: 401,
      body: { code: 'token_revoked' },
    })

    await redis.restart()
    await there.end('SIGKILL')
    await there.start()
    expect((await ask(there, 'GET /transactions/balance', alice)).status).toBe(401)
    const lift = `DELETE /admin/revocations/${revoked.body.id}`
    expect((await ask(here, lift, admin)).status).toBe(200)
    await eventually(async () => {
      expect((await ask(there, 'GET /transactions/balance', alice)).status).toBe(200)
    })
  })
})
