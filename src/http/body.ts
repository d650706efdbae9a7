import type { Context } from 'hono'
import { ApiError } from '../lib/api-error.ts'
import { parseStrictJson } from '../lib/json.ts'

/** Bytes. */
export const BODY_LIMIT = 64 * 1024

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

/**
 * The request's JSON, every digit kept. No body at all reads as `{}`, for calls whose every field is optional.
 * @throws ApiError 413 above 64 KiB, 415 for a compressed body and for what is not declared as JSON, 400 for what
 *   is not JSON in UTF-8 and for a repeated key
 */
export async function readJson(c: Context): Promise<unknown> {
  const encoding = c.req.header('Content-Encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'Send the body uncompressed: no Content-Encoding but identity is accepted.',
      { headers: { 'Accept-Encoding': 'identity' } },
    )
  }
  const text = await readText(c)
  const type = c.req.header('Content-Type')
  if (text === '' && type === undefined) return {}
  if (type === undefined || !JSON_TYPE.test(type)) {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'Send JSON, as Content-Type: application/json.',
    )
  }
  if (text === '') return {}
  try {
    return parseStrictJson(text)
  } catch (cause) {
    throw new ApiError(400, 'invalid_request', NOT_JSON, { cause })
  }
}

const NOT_JSON = 'The body is not valid JSON, or an object in it has a key twice.'

async function readText(c: Context): Promise<string> {
  const length = c.req.header('Content-Length')
  if (length !== undefined) {
    // The HTTP parser holds the body to this length, so it need not be counted again.
    if (Number(length) > BODY_LIMIT) throw tooLarge()
    return decoded(new TextDecoder('utf-8', STRICT), await c.req.arrayBuffer())
  }
  const body = c.req.raw.body
  if (!body) return ''
  const decoder = new TextDecoder('utf-8', STRICT)
  let text = ''
  let size = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > BODY_LIMIT) throw tooLarge()
    text += decoded(decoder, chunk, { stream: true })
  }
  return text + decoded(decoder)
}

/** Bytes that are no UTF-8 are an error: a replacement would book another text than was sent. */
const STRICT = { fatal: true }

type Decoder = InstanceType<typeof TextDecoder>

function decoded(decoder: Decoder, ...bytes: Parameters<Decoder['decode']>): string {
  try {
    return decoder.decode(...bytes)
  } catch (cause) {
    throw new ApiError(400, 'invalid_request', 'The body is not valid UTF-8.', { cause })
  }
}

const tooLarge = () =>
  new ApiError(413, 'payload_too_large', `The body is larger than ${BODY_LIMIT / 1024} KiB.`)
