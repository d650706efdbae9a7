import { expect, test, vi } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/config.ts'
import { openProviders } from '../../src/providers/providers.ts'

const loaded: string[] = []
for (const name of ['stripe', 'standardwebhooks'] as const) {
  vi.doMock(name, async (original) => {
    loaded.push(name)
    return await original()
  })
}

const ledger = { paymentOf: async () => undefined, linkPayment: async () => {} }
const opened = async (env: Record<string, string>) =>
  (await openProviders(parseConfig(env).providers, ledger)).map(({ name, start }) =>
    start ? `${name} begins payments` : name,
  )

test('the code of a provider is loaded only if it is configured', async () => {
  expect([await opened({}), loaded]).toEqual([[], []])
  const stripe = { STRIPE_WEBHOOK_SECRET: 'whsec_12345678' }
  expect([await opened(stripe), loaded]).toEqual([['stripe'], ['stripe']])
  expect(await opened({ ...stripe, STRIPE_SECRET_KEY: 'sk_test_12345678' })).toEqual([
    'stripe begins payments',
  ])
  const signed = { SIGNED_PROVIDER_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}` }
  expect(await opened(signed)).toEqual(['signed'])
  expect(loaded).toEqual(['stripe', 'standardwebhooks'])
  expect(
    await opened({ ...signed, SIGNED_PROVIDER_URL: 'https://pay.example.com/{topupId}' }),
  ).toEqual(['signed begins payments'])
})

test.for([
  { STRIPE_SECRET_KEY: 'sk_test_12345678' },
  { SIGNED_PROVIDER_URL: 'https://pay.example.com/{topupId}' },
  { SIGNED_PROVIDER_SECRET: 'too short' },
  { PROVIDER_REFUNDS: 'never' },
])('a configuration by which no payment would be credited is refused: %o', (env) => {
  expect(() => parseConfig(env)).toThrow(ConfigError)
})
