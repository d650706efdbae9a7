import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { API_DOCUMENTS } from '../../../src/api-docs/documents.ts'
import { createAuthenticator } from '../../../src/auth/authenticator.ts'
import { mintToken, type TokenClaims } from '../../../src/auth/tokens.ts'
import { RequestMeter } from '../../../src/http/middleware/observe.ts'
import type { AutoTopupStore } from '../../../src/ledger/auto-topups.ts'
import type { Command, Transaction } from '../../../src/ledger/command.ts'
import type { ProviderLedger } from '../../../src/ledger/provider-events.ts'
import { Payments } from '../../../src/providers/providers.ts'
import { type AppDeps, createApp } from '../../../src/routes/app.ts'

const SILENT = pino({ level: 'silent' })

const SECRET = 'a secret of at least thirty-two bytes'

export const token = (claims: Partial<TokenClaims> = {}) =>
  mintToken(SECRET, { sub: 'alice', expiresIn: 600, ...claims })

export const bearer = async (claims: Partial<TokenClaims> = {}) => ({
  Authorization: `Bearer ${await token(claims)}`,
})

/** What a ledger that says yes to everything would answer. */
export function accepted(command: Command): Transaction {
  return {
    id: command.transactionId ?? '019a4e5c-0000-7000-8000-000000000001',
    tenant: command.tenant,
    userId: command.userId ?? 'alice',
    type: 'topup',
    amount: command.amount ?? 0n,
    currency: command.currency ?? 'USD',
    status: 'pending',
    description: command.description ?? null,
    adminNotes: null,
    processedBy: null,
    referenceId: null,
    referenceType: null,
    previousBalance: null,
    newBalance: null,
    metadata: null,
    createdAt: '2025-11-04T10:30:00.000Z',
    updatedAt: '2025-11-04T10:30:00.000Z',
  }
}

const unused = new Proxy(
  {},
  {
    get: (_, name) => () => {
      throw new Error(`${String(name)} is not part of this test`)
    },
  },
)

/** An app whose edge is real and whose ledger only records its commands. */
export function edge({
  executor,
  ...overrides
}: Partial<Omit<AppDeps, 'executor'>> & { executor?: Partial<AppDeps['executor']> } = {}) {
  const commands: Command[] = []
  const recording: AppDeps['executor'] = {
    async execute(command) {
      commands.push(command)
      return { ok: true, transaction: accepted(command), replayed: false }
    },
    executeAll: (unused as AppDeps['executor']).executeAll,
  }
  const app = createApp({
    currency: 'USD',
    corsOrigins: ['https://app.example.com'],
    requests: new RequestMeter(),
    requestTimeoutMs: 5_000,
    auditTimeoutMs: 600_000,
    authenticator: createAuthenticator({ keys: { kind: 'secret', secret: SECRET } }),
    executor: isWhole(executor) ? executor : { ...recording, ...executor },
    idempotency: unused as AppDeps['idempotency'],
    reader: unused as AppDeps['reader'],
    auditor: unused as AppDeps['auditor'],
    deeds: unused as AppDeps['deeds'],
    analytics: unused as AppDeps['analytics'],
    transactionSearch: unused as AppDeps['transactionSearch'],
    payments: new Payments([], { ledger: unused as ProviderLedger, log: SILENT }),
    providerLedger: unused as ProviderLedger,
    autoTopups: { store: unused as AutoTopupStore, provider: undefined },
    limitsAndAlerts: unused as AppDeps['limitsAndAlerts'],
    fourEyes: unused as AppDeps['fourEyes'],
    freezes: unused as AppDeps['freezes'],
    cache: unused as AppDeps['cache'],
    cacheReads: { hits: 0, misses: 0 },
    tickets: unused as AppDeps['tickets'],
    revocations: unused as AppDeps['revocations'],
    webhooks: unused as AppDeps['webhooks'],
    push: unused as AppDeps['push'],
    tenants: unused as AppDeps['tenants'],
    apiKeys: unused as AppDeps['apiKeys'],
    signIn: unused as AppDeps['signIn'] & object,
    eventPages: unused as AppDeps['eventPages'],
    liveness: () => ({ ok: true, checks: {} }),
    readiness: async () => ({ ok: true, checks: {} }),
    system: unused as AppDeps['system'],
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    documents: API_DOCUMENTS,
    log: SILENT,
    ...overrides,
  })
  return { app, commands }
}

/** Serves the app over a socket until the test has finished, and gives its URL. */
export async function listen({ fetch }: Pick<ReturnType<typeof edge>['app'], 'fetch'>) {
  const server = createAdaptorServer({ fetch })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function isWhole(executor?: Partial<AppDeps['executor']>): executor is AppDeps['executor'] {
  return executor?.execute !== undefined && executor.executeAll !== undefined
}
