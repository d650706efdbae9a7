import { expect, test } from 'vitest'
import { isListed, LOCAL_PAGES, RefusedOrigins } from '../../src/lib/origins.ts'

test.each([
  ['http://localhost:5173', true],
  ['https://localhost:5173', true],
  ['http://localhost', true],
  ['http://127.0.0.1:8080', true],
  ['http://[::1]:5173', true],
  ['http://localhost.example.com:5173', false],
  ['http://evil.example.com', false],
  ['http://127.0.0.1.example.com', false],
  ['http://localhost:5173/path', false],
  ['http://user@localhost:5173', false],
  ['ftp://localhost', false],
  ['null', false],
])('the pages of this machine include those of %s: %s', (origin, isLocal) => {
  expect(isListed([LOCAL_PAGES], origin)).toBe(isLocal)
  expect(isListed([], origin)).toBe(false)
  expect(isListed(['*'], origin)).toBe(true)
  expect(isListed([LOCAL_PAGES, origin], origin)).toBe(true)
})

test('the log names a refused origin once, and keeps a bounded number of them', () => {
  const logged: unknown[] = []
  const refused = new RefusedOrigins({ warn: (fields: object) => void logged.push(fields) })
  for (let i = 0; i < 3; i++) {
    expect(refused.refuse('https://shop.example.com').message).toContain('CORS_ORIGINS')
  }
  expect(logged).toEqual([{ origin: 'https://shop.example.com' }])
  for (let i = 0; i < 1000; i++) refused.refuse(`https://${i}.example.com/${'x'.repeat(1000)}`)
  expect(logged).toHaveLength(100)
  expect(Math.max(...logged.map((line) => JSON.stringify(line).length))).toBeLessThan(300)
})
