/** `system` follows the device. */
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** `appearance.ts` reads it too, before the page is drawn. */
const KEY = 'livebalance.theme'

/** The colours of the browser's own bar, as in `page.html`. */
const GROUNDS = { light: '#f6f5f1', dark: '#0f1413' } as const

export function chosenTheme(): Theme {
  const stored = localStorage.getItem(KEY)
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

/** Keeps the choice and shows it. */
export function chooseTheme(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, theme)
  show(theme)
}

/** Shows the chosen theme, also when another tab chooses one. */
export function startTheme(): void {
  show(chosenTheme())
  addEventListener('storage', ({ key }) => {
    if (key === KEY || key === null) show(chosenTheme())
  })
}

function show(theme: Theme): void {
  const { dataset } = document.documentElement
  if (theme === 'system') delete dataset.theme
  else dataset.theme = theme
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const own = meta.media.includes('dark') ? 'dark' : 'light'
    meta.content = GROUNDS[theme === 'system' ? own : theme]
  }
}
