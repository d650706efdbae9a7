import type { Context } from 'hono'
import { ApiError } from '../errors.ts'
import { parseJson } from '../json.ts'

/** Bytes. */
export const BODY_LIMIT = 64 * 1024

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

/**
 * The request's JSON, every digit kept. No body at all reads as `{}`, for calls whose every field is optional.
 * @throws ApiError 413 above 64 KiB, 415 for what is not declared as JSON, 400 for what is not JSON
 */
export async function readJson(c: Context): Promise<unknown> {
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
    return parseJson(text)
  } catch (cause) {
    throw new ApiError(400, 'invalid_request', 'The body is not valid JSON.', { cause })
  }
}

async function readText(c: Context): Promise<string> {
  const length = c.req.header('Content-Length')
  if (length !== undefined) {
    // The HTTP parser holds the body to this length, so it need not be counted again.
    if (Number(length) > BODY_LIMIT) throw tooLarge()
    return c.req.text()
  }
  const body = c.req.raw.body
  if (!body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > BODY_LIMIT) throw tooLarge()
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const tooLarge = () =>
  new ApiError(413, 'payload_too_large', `The body is larger than ${BODY_LIMIT / 1024} KiB.`)
