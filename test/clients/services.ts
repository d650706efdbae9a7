import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { describe, expect } from 'vitest'
import { PACKAGE_ROOT } from '../../src/lib/package-root.ts'
import { startProgram } from '../support/clients/program.ts'
import { test } from '../support/clients/scenario.ts'
import { eventually, mintToken } from '../support/index.ts'

const PROGRAM = join(PACKAGE_ROOT, 'test/clients/programs/service.js')
const SECRET = `whsec_${btoa('the secret of a webhook, in a test')}`

/** The programs that `npm run test:clients` installed. */
const RUNTIMES = [
  ['Node', [process.execPath, '--import', 'tsx']],
  ['Deno', [process.env.CLIENTS_DENO ?? '', 'run', '--allow-net']],
  ['Bun', [process.env.CLIENTS_BUN ?? '', 'run']],
] as const

describe.for(RUNTIMES)('the library for services on %s', ([, command]) => {
  const missing = command[0] ? '' : ' (skipped: it is not installed)'
  test.skipIf(missing)(
    `pays, is refused, and verifies a delivery${missing}`,
    async ({ server }) => {
      const user = `user-${command[0]}`.replace(/\W/g, '-')
      await server.fund(user, 100)
      const body = '{"type":"balance_updated","seq":1}'
      const now = new Date()
      const headers = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(SECRET).sign('msg_1', now, body),
      }
      const token = await mintToken({ sub: 'shop', roles: ['service'] })
      const { received } = startProgram(
        [...command, PROGRAM, server.url, token, user, SECRET, JSON.stringify({ headers, body })],
        (line) => JSON.parse(line),
      )
      await eventually(() => expect(received).toHaveLength(4))
      expect(received).toMatchObject([
        { event: 'paid', data: { amount: -30, newBalance: 70 } },
        {
          event: 'refused',
          data: {
            name: 'LivebalanceError',
            code: 'insufficient_funds',
            details: { shortfall: 30 },
          },
        },
        { event: 'verified', data: { type: 'balance_updated', seq: 1 } },
        {
          event: 'not verified',
          data: { name: 'WebhookVerificationError', reason: 'wrong_signature' },
        },
      ])
    },
  )
})
