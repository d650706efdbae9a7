import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { ApiError } from '../lib/api-error.ts'
import { MAX_MESSAGE_BYTES } from '../realtime/connections/limits.ts'

/**
 * The other processes of this port. A session of Socket.IO lives in one process, and its requests may arrive at any:
 * a browser and a proxy use each connection for whatever they send next.
 */
export interface Siblings {
  /** The number of the process that has the session that a request names. Undefined: this one, or none. */
  ownerOf(request: Pick<IncomingMessage, 'url'>): number | undefined
  /** Gives a connection to another process, with the bytes that were read from it. */
  send(owner: number, connection: Socket, bytes: Buffer): void
  /** This process gets no new connection any more. */
  stopAccepting(): void
}

/**
 * Reads a request to its end, so that its connection can be given to another process. Resolves with its bytes.
 * Undefined: the client left.
 * @throws ApiError `payload_too_large`
 */
export async function readWhole(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Leaving the loop must not destroy the connection, over which the client hears why.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += chunk.length
      if (size > MAX_MESSAGE_BYTES) {
        throw new ApiError(413, 'payload_too_large', 'The message is larger than 16 KiB.')
      }
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof ApiError) throw error
    return undefined
  }
  const body = Buffer.concat(chunks)
  return Buffer.concat([headOf(request, size === 0 ? undefined : size), body])
}

/** Of a body that was read: its length is known now, and the client was told to send it. */
const REPLACED = ['content-length', 'transfer-encoding', 'expect']

/**
 * The head of a request, as the client sent it.
 * @param bodyBytes of a body that was read. Undefined: there is none.
 */
export function headOf(request: IncomingMessage, bodyBytes?: number): Buffer {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value] = rawHeaders.slice(i, i + 2)
    if (!REPLACED.includes(name.toLowerCase())) lines.push(`${name}: ${value}`)
  }
  if (bodyBytes !== undefined) lines.push(`Content-Length: ${bodyBytes}`)
  // Node decodes heads so.
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
