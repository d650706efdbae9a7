import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context } from 'hono'

const LOOPBACK_ADDRESS = /^(127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/

/** Headers that only a proxy or a tunnel adds: then nobody knows where the request began. */
const FORWARDED = ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP', 'Via']

/**
 * Whether the request comes from this machine and was meant for it: by the socket's address; by the Host
 * header, because a page of another site can have its own name resolve to 127.0.0.1; and by the Origin,
 * where there is one.
 */
export function isLocal(c: Context): boolean {
  if (!LOOPBACK_ADDRESS.test(remoteAddress(c) ?? '')) return false
  if (FORWARDED.some((name) => c.req.header(name) !== undefined)) return false
  const host = c.req.header('Host')
  const origin = c.req.header('Origin')
  if (host === undefined || !isLoopbackName(`http://${host}`)) return false
  return origin === undefined || (isLoopbackName(origin) && new URL(origin).host === host)
}

function isLoopbackName(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    LOOPBACK_ADDRESS.test(hostname)
  )
}

/** Undefined where there is no socket. */
function remoteAddress(c: Context): string | undefined {
  try {
    return getConnInfo(c).remote.address
  } catch {
    return undefined
  }
}
