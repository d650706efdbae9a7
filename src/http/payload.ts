import type { Context, MiddlewareHandler, TypedResponse, ValidationTargets } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import { toWire } from '../ledger/money.ts'
import { ApiError, type ErrorCode } from '../lib/api-error.ts'
import { parseStrictJson, stringifyJson } from '../lib/json.ts'
import type { Env } from './context.ts'
import { parsing } from './schemas.ts'

type Target = 'json' | 'query' | 'param'

type Validator<T extends Target, S extends z.ZodType> = MiddlewareHandler<
  Env,
  string,
  {
    in: { [K in T]: K extends 'json' ? z.input<S> : z.input<S> & ValidationTargets[T] }
    out: { [K in T]: z.output<S> }
  }
>

/** Marks a validator with its expectation. The API documents and the tests read it from the routes. */
export const EXPECTS: unique symbol = Symbol('the expectation of this validator')

export interface Expectation {
  target: Target
  schema: z.ZodType
}

/**
 * Validates the JSON body. Use `z.strictObject`, so that unknown fields are rejected.
 * @param maxBytes also by the caller, whom the guard before has let in
 */
export const json = <S extends z.ZodType>(
  schema: S,
  maxBytes: number | ((c: Context<Env>) => number) = MAX_BODY_BYTES,
) =>
  validator('json', schema, (c) =>
    readJson(c, typeof maxBytes === 'number' ? maxBytes : maxBytes(c)),
  )

/** Documents the JSON body of a route that reads it as text, because its signature covers every byte. */
export const signedJson = (schema: z.ZodType) => {
  const proceed: MiddlewareHandler<Env> = (_, next) => next() as Promise<undefined>
  return Object.assign(proceed, { [EXPECTS]: { target: 'json', schema } satisfies Expectation })
}

/**
 * Validates the query string. A repeated parameter becomes a list, which no schema accepts. `metadata.a=1` and
 * `metadata[a]=1` become `metadata: {a: '1'}`.
 */
export const query = <S extends z.ZodType>(schema: S) =>
  validator('query', schema, (c) => (c.req.url.includes('?') ? withMetadata(c.req.queries()) : {}))

const OF_METADATA = /^metadata(?:\.(.+)|\[(.+)\])$/s

function withMetadata(queries: Record<string, string[]>): Record<string, unknown> {
  const fields: [string, unknown][] = []
  const metadata: [string, unknown][] = []
  for (const [name, all] of Object.entries(queries)) {
    const value = all.length === 1 ? all[0] : all
    const [, dotted, bracketed] = OF_METADATA.exec(name) ?? []
    const key = dotted ?? bracketed
    if (key === undefined) fields.push([name, value])
    else metadata.push([key, metadata.some(([other]) => other === key) ? [value] : value])
  }
  if (metadata.length > 0) fields.push(['metadata', Object.fromEntries(metadata)])
  return Object.fromEntries(fields)
}

/** Validates the parameters of the path. */
export const param = <S extends z.ZodType>(schema: S) =>
  validator('param', schema, (c) => c.req.param())

function validator<T extends Target, S extends z.ZodType>(
  target: T,
  schema: S,
  read: (c: Parameters<MiddlewareHandler<Env>>[0]) => unknown,
): Validator<T, S> {
  const validate: Validator<T, S> = (c, next) => {
    const proceed = (input: unknown) => {
      const parsed = parsing(c.get('currency'), () => schema.safeParse(input))
      if (!parsed.success) throw invalid(parsed.error.issues)
      c.req.addValidatedData(target, parsed.data as object)
      return next() as Promise<undefined>
    }
    const input = read(c)
    return input instanceof Promise ? input.then(proceed) : proceed(input)
  }
  return Object.assign(validate, { [EXPECTS]: { target, schema } satisfies Expectation })
}

function invalid(issues: readonly z.core.$ZodIssue[]): ApiError {
  const listed = issues.slice(0, 20).map((issue) => ({
    path: issue.path.join('.'),
    message: issue.message,
  }))
  const [first] = listed
  const where = first?.path ? `${first.path}: ` : ''
  return new ApiError(
    400,
    codeOf(issues[0]),
    `${where}${first?.message ?? 'The request is not valid.'}`,
    {
      details: { issues: listed },
    },
  )
}

/** A field's schema may set a more specific code in the `params` of its refinement. */
function codeOf(issue: z.core.$ZodIssue | undefined): ErrorCode {
  const params = issue?.code === 'custom' ? issue.params : undefined
  return (params?.code as ErrorCode | undefined) ?? 'invalid_request'
}

const MAX_BODY_BYTES = 64 * 1024

const DECLARED_JSON = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

/**
 * The JSON of the body with every digit of its numbers. An empty body is read as `{}`, for requests whose
 * fields are all optional.
 * @throws ApiError 413 above `maxBytes`; 415 if the body is compressed or not declared as JSON; 400 if it is not
 *   JSON in UTF-8, or an object repeats a key
 */
async function readJson(c: Context, maxBytes: number): Promise<unknown> {
  const text = await readJsonText(c, maxBytes)
  if (text === '') return {}
  try {
    return parseStrictJson(text)
  } catch (cause) {
    const message = 'The body is not valid JSON, or an object in it repeats a key.'
    throw new ApiError(400, 'invalid_request', message, { cause })
  }
}

/**
 * The body of a request, declared as JSON, as it came.
 * @throws ApiError 413 above `maxBytes`; 415 if the body is compressed or not declared as JSON; 400 if it is not UTF-8
 */
export async function readJsonText(c: Context, maxBytes: number): Promise<string> {
  const encoding = c.req.header('Content-Encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'Send the body uncompressed: the only accepted Content-Encoding is identity.',
      { headers: { 'Accept-Encoding': 'identity' } },
    )
  }
  const text = await readText(c, maxBytes)
  const type = c.req.header('Content-Type')
  if (text === '' && type === undefined) return ''
  if (type === undefined || !DECLARED_JSON.test(type)) {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'Send JSON with Content-Type: application/json.',
    )
  }
  return text
}

async function readText(c: Context, maxBytes: number): Promise<string> {
  const length = c.req.header('Content-Length')
  if (length !== undefined) {
    // The HTTP parser enforces this length, so the bytes need no counting.
    if (Number(length) > maxBytes) throw tooLarge(maxBytes)
    return decoded(new TextDecoder('utf-8', STRICT), await c.req.arrayBuffer())
  }
  const body = c.req.raw.body
  if (!body) return ''
  const decoder = new TextDecoder('utf-8', STRICT)
  let text = ''
  let size = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge(maxBytes)
    text += decoded(decoder, chunk, { stream: true })
  }
  return text + decoded(decoder)
}

/** Invalid UTF-8 is an error, because a replacement character would store another text than was sent. */
const STRICT = { fatal: true }

type Decoder = InstanceType<typeof TextDecoder>

function decoded(decoder: Decoder, ...bytes: Parameters<Decoder['decode']>): string {
  try {
    return decoder.decode(...bytes)
  } catch (cause) {
    throw new ApiError(400, 'invalid_request', 'The body is not valid UTF-8.', { cause })
  }
}

const tooLarge = (maxBytes: number) =>
  new ApiError(413, 'payload_too_large', `The body is larger than ${maxBytes / 1024} KiB.`)

const JSON_TYPE = { 'Content-Type': 'application/json' } as const

/**
 * Like `c.json`, but writes every digit of an amount. The response gets its headers as a plain record,
 * because Node's adapter sends that without a conversion. Headers set by `c.header` are not included.
 */
export function answer<T, S extends ContentfulStatusCode = 200>(
  c: Context<Env>,
  body: T,
  status: S = 200 as S,
  extra: Record<string, string> = {},
): Response & TypedResponse<T, S, 'json'> {
  // A request has one answer, so its record of headers can be changed in place.
  const headers = Object.assign(c.get('headers'), JSON_TYPE, extra)
  return new Response(stringifyJson(body), { status, headers }) as Response &
    TypedResponse<T, S, 'json'>
}

/**
 * Minor units as a JSON number of major units. The type is the number that clients read. A long amount is
 * an `ExactNumber` at run time, so send it with `answer`.
 */
export function amountJson(minor: bigint, currency: string): number {
  return toWire(minor, currency) as number
}
