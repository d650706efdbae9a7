import { lookup } from 'node:dns/promises'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An answer of a receiver. The body is cut at `MAX_BODY_BYTES`. */
export interface Received {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

export class AddressNotAllowed extends Error {
  override readonly name = 'AddressNotAllowed'
  readonly code = 'ADDRESS_NOT_ALLOWED'
}

export interface GuardedRequestsOptions {
  /** Also sends to private addresses, and by plain HTTP. */
  allowPrivate: boolean
  /** From the first byte to the last. Default 10 s. */
  timeoutMs?: number
  /** Connections to a host that are kept for later requests. Default 8. */
  keptConnections?: number
  /** Finds the addresses of a host. Default: the system's resolver. */
  resolve?: (hostname: string) => Promise<{ address: string; family: number }[]>
}

/** An answer is read up to here. Receivers have nothing more to say. */
const MAX_BODY_BYTES = 16_384
const MAX_JSON_BYTES = 262_144

/** Whether the address is one of the public internet: not private, loopback, link-local, reserved or for a group. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  // Of IPv6 only 2000::/3 is given out. The rest holds old forms that some systems translate to IPv4.
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST)
}

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Why no request may go to this URL, before its host is resolved. Undefined: nothing speaks against it.
 * @param allowPrivate see `GuardedRequestsOptions`
 */
export function whyNotAllowed(url: URL, allowPrivate: boolean): string | undefined {
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    return 'must begin with https://'
  if (url.username !== '' || url.password !== '') return 'must not contain a user or a password'
  const host = hostOf(url)
  if (allowPrivate) return undefined
  if (isIP(host) !== 0 && !isPublicAddress(host)) return 'must not be a private or reserved address'
  if (/(^|\.)localhost\.?$/i.test(host)) return 'must not be a private or reserved address'
  return undefined
}

/** Without the brackets of an IPv6 address. */
const hostOf = (url: URL) => url.hostname.replace(/^\[(.*)\]$/, '$1')

/**
 * Sends requests that an admin of a tenant, or a user, chose the address of. A host is resolved once for each connection, every
 * address is checked, and the connection goes to a checked address: a second answer of the DNS changes nothing.
 * Redirects are not followed.
 */
export class GuardedRequests {
  readonly #options: Required<GuardedRequestsOptions>
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(options: GuardedRequestsOptions) {
    this.#options = {
      timeoutMs: 10_000,
      keptConnections: 8,
      resolve: (hostname) => lookup(hostname, { all: true }),
      ...options,
    }
    const agent = {
      ...{ keepAlive: true, timeout: 60_000, lookup: this.#lookup },
      maxFreeSockets: this.#options.keptConnections,
    }
    this.#http = new HttpAgent(agent)
    this.#https = new HttpsAgent(agent)
  }

  /** @throws AddressNotAllowed, an error of the network, or one with the code `TIMEOUT` */
  post(url: URL, headers: Record<string, string>, body: string | Uint8Array): Promise<Received> {
    return this.#send('POST', url, headers, { body, maxBytes: MAX_BODY_BYTES })
  }

  /**
   * The JSON at a URL.
   * @throws as `post`, or an Error if the answer is another one than 200 with JSON of at most 256 KiB
   */
  async getJson(url: URL): Promise<unknown> {
    const headers = { Accept: 'application/json' }
    const { status, body } = await this.#send('GET', url, headers, { maxBytes: MAX_JSON_BYTES })
    if (status !== 200) throw new Error(`answered ${status}`)
    return JSON.parse(body)
  }

  #send(
    method: 'GET' | 'POST',
    url: URL,
    headers: Record<string, string>,
    { body, maxBytes }: { body?: string | Uint8Array; maxBytes: number },
  ): Promise<Received> {
    const problem = whyNotAllowed(url, this.#options.allowPrivate)
    if (problem !== undefined) return Promise.reject(new AddressNotAllowed(problem))
    const [request, agent] =
      url.protocol === 'https:' ? [httpsRequest, this.#https] : [httpRequest, this.#http]
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = []
        let size = 0
        const end = () => {
          clearTimeout(timer)
          const { statusCode = 0, headers } = response
          resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString() })
        }
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk.subarray(0, maxBytes - size))
          size += chunk.length
          if (size < maxBytes) return
          end()
          sent.destroy()
        })
        response.on('end', end)
        response.on('error', reject)
      })
      const timer = setTimeout(() => {
        sent.destroy(Object.assign(new Error('no answer in time'), { code: 'TIMEOUT' }))
      }, this.#options.timeoutMs)
      sent.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  /** Gives the connection only addresses that were checked. */
  readonly #lookup: LookupFunction = (hostname, options, callback) => {
    this.#addresses(hostname).then(
      (addresses) => {
        if (options.all) return callback(null, addresses)
        const [{ address, family } = { address: '', family: 0 }] = addresses
        callback(null, address, family)
      },
      (error) => callback(error, '', 0),
    )
  }

  async #addresses(hostname: string) {
    const addresses = await this.#options.resolve(hostname)
    const allowed =
      this.#options.allowPrivate || addresses.every(({ address }) => isPublicAddress(address))
    if (addresses.length === 0 || !allowed) {
      throw new AddressNotAllowed('the host has a private or reserved address')
    }
    return addresses
  }
}

/** The pause that an answer asks for, in seconds or until a date. Undefined if it asks for none. */
export function retryAfterMs({ headers }: Pick<Received, 'headers'>): number | undefined {
  const text = headers['retry-after']
  if (text === undefined) return undefined
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000
  const at = / GMT$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}

/** A code such as `ECONNREFUSED`. A message could repeat the URL, which may hold a secret. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: string }
  if (code === 'ADDRESS_NOT_ALLOWED') return `address not allowed: ${message}`
  return code === 'TIMEOUT' ? 'timeout' : typeof code === 'string' ? code : 'no connection'
}
