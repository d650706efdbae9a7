/** Control, format and separator characters and lone surrogates: they can move the cursor, end a line, hide or turn text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Makes a text safe to show on a terminal, on one line. Unprintable characters are written as JSON escapes, so
 * that text from outside cannot begin a line or colour, hide or turn one.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) => {
    const short = JSON.stringify(found).slice(1, -1)
    return short === found ? [...utf16(found)].join('') : short
  })
}

function* utf16(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    yield `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
}
