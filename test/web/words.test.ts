import { describe, expect, test } from 'vitest'
import { pick } from '../../web/lib/language.ts'
import { english } from '../../web/lib/words/english.ts'
import { german } from '../../web/lib/words/german.ts'
import { vietnamese } from '../../web/lib/words/vietnamese.ts'

type Text = string | ((...values: unknown[]) => string)
/** Numbers where the text counts. They are in every notation the same. */
const COUNTING = /\.(more|seconds|minutes|hours|days|waitSeconds|decimals|expiresInDays|devices)$/

function texts(words: object, path = ''): [path: string, text: Text][] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'object'
      ? texts(value, `${path}.${key}`)
      : [[`${path}.${key}`, value as Text] as [string, Text]],
  )
}

/** What a text says with these values in it. */
function said(path: string, text: Text, english: Text): string {
  if (typeof text === 'string') return text
  // A text may ignore a value, but not one that the English text shows.
  const values = Array.from({ length: (english as () => string).length }, (_, i) =>
    COUNTING.test(path) ? 7 + i : `<${i}>`,
  )
  return text(...values)
}

describe.each([
  ['German', german],
  ['Vietnamese', vietnamese],
] as const)('the wallet in %s', (_, words) => {
  const own = new Map(texts(words))

  test('has every text, none of them empty, and no text that the English wallet does not have', () => {
    expect([...own.keys()].sort()).toEqual(
      texts(english)
        .map(([path]) => path)
        .sort(),
    )
    for (const [path, text] of own)
      expect([path, typeof text, text]).not.toEqual([path, 'string', ''])
  })

  test('shows the same values in each text as the English wallet', () => {
    const shown = (text: string) => [...text.matchAll(/<\d>|\d+/g)].map(([value]) => value).sort()
    for (const [path, original] of texts(english)) {
      const text = own.get(path) ?? ''
      expect([path, typeof text]).toEqual([path, typeof original])
      if (typeof original === 'string') continue
      const [theirs, ours] = [said(path, original, original), said(path, text, original)]
      expect([path, shown(ours)]).toEqual([path, shown(theirs)])
    }
  })
})

test('a number takes its own form of the word', () => {
  expect(english.problems.waitSeconds(1)).toContain('in 1 second.')
  expect(english.problems.waitSeconds(2)).toContain('in 2 seconds.')
  expect(german.problems.waitSeconds(1)).toContain('in 1 Sekunde ')
  expect(german.problems.waitSeconds(0)).toContain('in 0 Sekunden ')
  expect(vietnamese.problems.waitSeconds(1)).toContain('sau 1 giây')
})

describe('the language of a page', () => {
  test.each([
    [
      'the first of the browser’s languages that it has',
      undefined,
      ['fr-FR', 'de-CH', 'en'],
      'de',
      'de-CH',
    ],
    [
      'English, with dates and numbers as at home, if it has none',
      undefined,
      ['ar-EG', 'fr'],
      'en',
      'ar-EG',
    ],
    ['English where the browser says nothing', undefined, [], 'en', 'en'],
    ['the chosen one, in the reader’s variant', 'de', ['en-US', 'de-AT'], 'de', 'de-AT'],
    ['the chosen one, which the browser does not speak', 'vi', ['en-US'], 'vi', 'vi'],
  ] as const)('is %s', (_, choice, preferred, language, locale) => {
    const picked = pick(choice, preferred)
    expect([picked.language, picked.locales[0]]).toEqual([language, locale])
  })
})
