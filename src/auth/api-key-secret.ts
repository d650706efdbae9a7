import { hash, randomBytes } from 'node:crypto'
import type { KeyKind } from './api-key.ts'

const PREFIXES: Readonly<Record<KeyKind, string>> = { service: 'lb_live_', operator: 'lb_oper_' }

/** 12 characters that name the key and may be shown, then 32 random bytes in base64url. */
const FORM = /^(lb_(?:live|oper)_[0-9a-f]{12})[A-Za-z0-9_-]{43}$/

/** A new key with the two parts of it that are stored. The key itself is stored nowhere. */
export function newKey(kind: KeyKind): { key: string; prefix: string; hash: Buffer } {
  const prefix = PREFIXES[kind] + randomBytes(6).toString('hex')
  const key = prefix + randomBytes(32).toString('base64url')
  return { key, prefix, hash: hashOf(key) }
}

/** The secret part has 256 random bits, so that a plain hash is as good as a slow one. */
export const hashOf = (key: string): Buffer => hash('sha256', key, 'buffer')

/** Undefined: the text cannot be a key. */
export const prefixOf = (key: string): string | undefined => FORM.exec(key)?.[1]

export const startsLikeKey = (token: string): boolean =>
  Object.values(PREFIXES).some((prefix) => token.startsWith(prefix))
