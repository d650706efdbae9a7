import { isIP, isIPv6 } from 'node:net'

/** What of a request tells where it comes from. Node's `IncomingMessage` is one. */
export interface Origin {
  headers: Readonly<Record<string, string | string[] | undefined>>
  socket: { remoteAddress?: string | undefined }
}

/**
 * Whom to count a request against: an IPv4 address, or the /64 network of an IPv6 one, of which a single
 * subscriber has them all. Undefined where there is no socket.
 * @param proxies how many proxies in front are believed: each has written down, at the right end of
 *   X-Forwarded-For, whom it heard. What stands further left anybody can write, and is not read.
 */
export function clientAddress({ headers, socket }: Origin, proxies: number): string | undefined {
  let address = network(socket.remoteAddress ?? '')
  if (proxies === 0 || address === undefined) return address
  const forwarded = String(headers['x-forwarded-for'] ?? '').split(',')
  for (const hop of forwarded.reverse().slice(0, proxies)) {
    const before = network(hop)
    // A proxy writes addresses. Whatever this is, the one who sent it is the last who is known.
    if (before === undefined) break
    address = before
  }
  return address
}

/** `203.0.113.7`, `203.0.113.7:80`, `2001:db8::1`, `[2001:db8::1]:80`, `::ffff:203.0.113.7`. */
function network(text: string): string | undefined {
  const bare = text.trim()
  if (isIP(bare) === 4) return bare
  const [, inBrackets, v4] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(bare) ?? []
  if (v4 !== undefined) return isIP(v4) === 4 ? v4 : undefined
  const v6 = (inBrackets ?? bare).split('%')[0] ?? ''
  return isIPv6(v6) ? ofIPv6(v6) : undefined
}

function ofIPv6(address: string): string {
  // The URL parser writes every address in its one short form, IPv4 within it in hexadecimal.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? []
  if (high !== undefined && low !== undefined) {
    const bytes = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16)
    return [24, 16, 8, 0].map((shift) => (bytes >>> shift) & 255).join('.')
  }
  const [left = '', right] = short.split('::')
  const groups = left === '' ? [] : left.split(':')
  if (right !== undefined) {
    const after = right === '' ? [] : right.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}
