import { english, type Words } from './words/english.ts'

/** The languages of the pages, each by its own name. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', vi: 'Tiếng Việt' } as const
export type Language = keyof typeof LANGUAGES

/** English is always there: the console speaks it, and a page does too if another language cannot be loaded. */
const WORDS: Record<Language, () => Promise<Words>> = {
  en: async () => english,
  de: async () => (await import('./words/german.ts')).german,
  vi: async () => (await import('./words/vietnamese.ts')).vietnamese,
}

const KEY = 'livebalance.language'

interface Spoken {
  language: Language
  words: Words
  /** For dates and numbers, the preferred one first. */
  locales: readonly string[]
}

/** The browser's languages. English outside of a browser. */
const ofBrowser = (): readonly string[] => globalThis.navigator?.languages ?? ['en']

let spoken: Spoken = { language: 'en', words: english, locales: ofBrowser() }
let newest = 0
const watchers = new Set<() => void>()

/** The texts in the current language. A component reads them while it renders. */
export const words = (): Words => spoken.words

/** The locales of dates, numbers and amounts. The result is the same array until the language changes. */
export const locales = (): readonly string[] => spoken.locales

/** The page renders again when it changes. */
export const languageStore = {
  getSnapshot: (): Language => spoken.language,
  subscribe(watcher: () => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  },
}

/** The chosen language. Undefined: the page follows the browser. */
export function chosenLanguage(): Language | undefined {
  const stored = localStorage.getItem(KEY)
  return stored !== null && Object.hasOwn(LANGUAGES, stored) ? (stored as Language) : undefined
}

/**
 * Keeps the choice and speaks this language. Undefined: the one of the browser.
 * Rejects if its words cannot be loaded. Then nothing has changed.
 */
export async function chooseLanguage(choice: Language | undefined): Promise<void> {
  await speak(choice)
  if (choice === undefined) localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, choice)
}

/** Speaks the reader's language, and follows the browser's and other tabs' choice from then on. */
export async function startLanguage(): Promise<void> {
  const follow = () => speak(chosenLanguage()).catch(() => {})
  addEventListener('languagechange', follow)
  addEventListener('storage', ({ key }) => {
    if (key === KEY || key === null) void follow()
  })
  await follow()
}

async function speak(choice: Language | undefined): Promise<void> {
  newest += 1
  const mine = newest
  const { language, locales } = pick(choice, ofBrowser())
  const words = await WORDS[language]()
  // A later choice was loaded sooner.
  if (mine !== newest) return
  spoken = { language, words, locales }
  document.documentElement.lang = language
  document.documentElement.dir = words.direction
  for (const watcher of [...watchers]) watcher()
}

/**
 * The language of the words, and the locales of dates and numbers. A reader whose languages the pages do not have gets
 * English words, but dates and numbers as at home.
 * @param preferred as in `navigator.languages`
 */
export function pick(
  choice: Language | undefined,
  preferred: readonly string[],
): Pick<Spoken, 'language' | 'locales'> {
  const known = preferred.find((tag) => languageOf(tag) !== undefined)
  const language = choice ?? languageOf(known) ?? 'en'
  if (choice === undefined && known === undefined)
    return { language, locales: [...preferred, 'en'] }
  // `de-CH` of the browser says more than `de`.
  const own = preferred.find((tag) => languageOf(tag) === language)
  return { language, locales: [own ?? language, ...preferred.filter((tag) => tag !== own)] }
}

function languageOf(tag: string | undefined): Language | undefined {
  const primary = tag?.toLowerCase().split('-')[0] ?? ''
  return Object.hasOwn(LANGUAGES, primary) ? (primary as Language) : undefined
}

/** Makes a value once for the current locales. */
export function perLocales<T>(make: (locales: readonly string[]) => T): () => T {
  let made: { locales: readonly string[]; value: T } | undefined
  return () => {
    if (made?.locales !== spoken.locales)
      made = { locales: spoken.locales, value: make(spoken.locales) }
    return made.value
  }
}

const RIGHT_TO_LEFT = /^(ar|ckb|dv|fa|he|ks|ps|sd|ug|ur|yi)\b/
const isolates = perLocales((locales) =>
  RIGHT_TO_LEFT.test(Intl.NumberFormat.supportedLocalesOf(locales)[0] ?? 'en'),
)

/**
 * Marks a date or a number that runs in another direction than the words around it, so that it cannot reorder them.
 */
export function isolated(text: string): string {
  return isolates() === (spoken.words.direction === 'rtl') ? text : `\u2068${text}\u2069`
}
