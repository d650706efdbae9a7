import { LosslessNumber, parse, stringify } from 'lossless-json'

/**
 * A JSON number that a double cannot hold exactly. `stringifyJson` writes all its digits. A plain
 * `JSON.stringify` (Socket.IO's encoder, a log line) writes the nearest double, which any JavaScript reader
 * would make of the digits anyway.
 */
export class ExactNumber extends LosslessNumber {
  toJSON(): number {
    return Number(this.value)
  }
}

/** Up to 15 significant digits survive the way from text to a double and back. More may not. */
const LONG_NUMBER = /[\d.]{16,}/

/**
 * Parses JSON without losing a digit. A number that a double holds exactly becomes a `number`, a longer one an
 * `ExactNumber`.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  // JSON.parse decides what is valid. It is ten times faster, and enough for all but huge amounts.
  const value: unknown = JSON.parse(text)
  if (!LONG_NUMBER.test(text)) return value
  return parse(text, null, {
    parseNumber: (digits) => (digits.length <= 15 ? Number(digits) : new ExactNumber(digits)),
    onDuplicateKey: ({ newValue }) => newValue,
  })
}

/**
 * Parses text from outside, which must mean the same to every reader.
 *
 * @throws SyntaxError also if an object has a key twice, even if it is escaped differently
 */
export function parseStrictJson(text: string): unknown {
  const value = parseJson(text)
  // `JSON.parse` keeps one value of a repeated key. Then the value has fewer keys than the text.
  if (keysIn(value) !== keysWritten(text)) throw new SyntaxError('an object has a key twice')
  return value
}

/** Counts the keys in the text of valid JSON: the colons outside of strings. */
function keysWritten(text: string): number {
  let keys = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) inString = !inString
    else if (inString && code === BACKSLASH) i += 1
    else if (!inString && code === COLON) keys += 1
  }
  return keys
}

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

/** Counts the keys of all objects in a value. It may be nested deeper than recursion could go. */
function keysIn(value: unknown): number {
  let keys = 0
  const left = [value]
  while (left.length > 0) {
    const next = left.pop()
    if (next === null || typeof next !== 'object' || next instanceof LosslessNumber) continue
    if (Array.isArray(next)) {
      for (const item of next) left.push(item)
    } else {
      for (const item of Object.values(next)) {
        keys += 1
        left.push(item)
      }
    }
  }
  return keys
}

/** Writes JSON. An `ExactNumber` at any depth is written with all its digits. */
export function stringifyJson(value: unknown): string {
  return hasExactNumber(value) ? (stringify(value) ?? 'null') : JSON.stringify(value)
}

function hasExactNumber(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  if (value instanceof LosslessNumber) return true
  for (const key in value) if (hasExactNumber((value as Record<string, unknown>)[key])) return true
  return false
}

/** The same value with the keys of every object in order. A long number stays as it is. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== 'object' || value instanceof LosslessNumber) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, sortKeys(inner)]))
}
