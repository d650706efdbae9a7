import { isIP, isIPv6 } from 'node:net'

/** The parts of a request that show its origin. Node's `IncomingMessage` has them. */
export interface Origin {
  headers: Readonly<Record<string, string | string[] | undefined>>
  socket: { remoteAddress?: string | undefined }
}

/** The origin of a request in the environment of its app: Node's adapter puts it at `incoming`. */
export function originIn(env: unknown): Origin | undefined {
  const { incoming, origin } = (env ?? {}) as { incoming?: Origin; origin?: Origin }
  return incoming ?? origin
}

/**
 * The address that a request counts against: an IPv4 address, or the /64 network of an IPv6 address, because
 * one subscriber has the whole network. Undefined without a socket.
 * @param proxies the number of trusted proxies in front. Each appends the address of its client to the right
 *   end of X-Forwarded-For. Anyone can write the entries further left, so they are ignored.
 */
export function clientAddress({ headers, socket }: Origin, proxies: number): string | undefined {
  let address = network(socket.remoteAddress ?? '')
  if (proxies === 0 || address === undefined) return address
  const forwarded = String(headers['x-forwarded-for'] ?? '').split(',')
  for (const hop of forwarded.reverse().slice(0, proxies)) {
    const before = network(hop)
    // A proxy appends only addresses. Other text was sent by the last known address.
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
  // The URL parser returns the short form of every address, with an embedded IPv4 address in hexadecimal.
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
