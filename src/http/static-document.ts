import { createHash } from 'node:crypto'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { Env } from './context.ts'

const ENCODINGS = ['br', 'gzip', 'identity'] as const
type Encoding = (typeof ENCODINGS)[number]

/** A document that is the same for every client. It is hashed once and compressed once for each encoding. */
export class StaticDocument {
  readonly #type: string
  readonly #forms: Partial<Record<Encoding, Uint8Array<ArrayBuffer>>>
  readonly #tag: string

  /** @param type its `Content-Type` */
  constructor(content: string | Uint8Array, type: string) {
    const bytes = new Uint8Array(Buffer.from(content))
    this.#type = type
    this.#forms = { identity: bytes }
    this.#tag = createHash('sha256').update(bytes).digest('base64url')
  }

  /** Answers with the document in the client's preferred encoding, or with 304 if the client has it. */
  send(c: Context<Env>, more: Record<string, string>): Response {
    const encoding = accepts(c, {
      header: 'Accept-Encoding',
      supports: [...ENCODINGS],
      default: 'identity',
    }) as Encoding
    const { Vary: vary, ...base } = c.var.headers as Record<string, string>
    const headers = {
      ...base,
      ...more,
      // Each encoding is a representation of its own, so it has its own tag.
      ETag: this.#tagOf(encoding),
      Vary: vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`,
    }
    if (this.#isKnownTo(c.req.header('If-None-Match'))) return c.body(null, 304, headers)
    return c.body(this.#form(encoding), 200, {
      ...headers,
      'Content-Type': this.#type,
      ...(encoding !== 'identity' && { 'Content-Encoding': encoding }),
    })
  }

  /** True for the tag of any encoding, because the content is the same. */
  #isKnownTo(tags: string | undefined): boolean {
    return isUnchanged(
      tags,
      ENCODINGS.map((encoding) => this.#tagOf(encoding)),
    )
  }

  #tagOf(encoding: Encoding): string {
    return `"${this.#tag}${encoding === 'identity' ? '' : `-${encoding}`}"`
  }

  #form(encoding: Encoding): Uint8Array<ArrayBuffer> {
    const known = this.#forms[encoding]
    if (known) return known
    const bytes = this.#forms.identity as Uint8Array
    const made = new Uint8Array(
      encoding === 'br'
        ? brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })
        : gzipSync(bytes),
    )
    this.#forms[encoding] = made
    return made
  }
}

/**
 * Whether a client has one of these forms already.
 * @param header `If-None-Match`. A proxy that compresses makes the tags in it weak
 * @param tags entity tags, with their quotes
 */
export function isUnchanged(header: string | undefined, tags: readonly string[]): boolean {
  return (header ?? '').split(',').some((text) => {
    const tag = text.trim()
    return tag === '*' || tags.includes(tag.replace(/^W\//, ''))
  })
}
