import { describe, expect, test } from 'vitest'
import { clientAddress } from '../../src/rate-limit/client-address.ts'

const from = (remoteAddress: string | undefined, forwarded?: string | string[]) => ({
  headers: { 'x-forwarded-for': forwarded },
  socket: { remoteAddress },
})

test('without a proxy in front, X-Forwarded-For is not read', () => {
  expect(clientAddress(from('203.0.113.7', '198.51.100.1'), 0)).toBe('203.0.113.7')
})

describe('with proxies in front, X-Forwarded-For is read from the right', () => {
  test.each<[string, number, string | undefined, string]>([
    ['one proxy', 1, '198.51.100.1', '198.51.100.1'],
    ['one proxy, and a client that made something up', 1, '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['two proxies', 2, '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['two proxies, of which one was gone around', 2, '198.51.100.1', '198.51.100.1'],
    ['one proxy that wrote nothing', 1, undefined, '10.0.0.1'],
    ['one proxy that wrote no address', 1, '198.51.100.1, unknown', '10.0.0.1'],
    ['garbage further left', 2, "198.51.100.9, '; drop table, 198.51.100.1", '198.51.100.1'],
    ['an address with a port', 1, '198.51.100.1:4711', '198.51.100.1'],
    ['no address at the right end', 1, '198.51.100.1,', '10.0.0.1'],
  ])('%s', (_, proxies, forwarded, address) => {
    expect(clientAddress(from('10.0.0.1', forwarded), proxies)).toBe(address)
  })

  test('also when a client sends the header twice', () => {
    // Node joins them, in their order.
    expect(clientAddress(from('10.0.0.1', ['1.1.1.1', '198.51.100.1']), 1)).toBe('198.51.100.1')
  })
})

describe('one IPv6 subscriber is one address, however it is written', () => {
  test.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:0000:0000:0000:0009', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]:443', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
  ])('%s', (text, address) => {
    expect(clientAddress(from(text), 0)).toBe(address)
    expect(clientAddress(from('10.0.0.1', text), 1)).toBe(address)
  })
})

test('a request without a socket has no address', () => {
  expect(clientAddress(from(undefined, '198.51.100.1'), 1)).toBeUndefined()
})
