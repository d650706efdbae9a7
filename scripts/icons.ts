import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

/**
 * Draws the icons of the installed wallet from `web/icon.svg`, after a change of it. Needs a Chromium, whose program is
 * in CHROMIUM_PATH. The icon of a system that cuts its own shapes is filled to the edges, with the sign in the middle.
 */
const web = join(import.meta.dirname, '../web')
const icon = await readFile(join(web, 'icon.svg'), 'utf8')
const sign = /<path[^>]*\/>/.exec(icon)?.[0] ?? ''
const drawing = (parts: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${parts}</svg>`
const filled = `<rect width="32" height="32" fill="#0c6b50"/><g transform="translate(6 6) scale(.625)">${sign}</g>`

const ICONS = {
  'icon-192': [192, icon],
  'icon-512': [512, icon],
  'maskable-512': [512, drawing(filled)],
  'apple-180': [180, drawing(filled)],
  // One colour: the system paints it.
  badge: [96, drawing(sign.replaceAll('#eafff6', '#ffffff'))],
} as const

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? 'chromium',
  args: ['--no-sandbox'],
})
const page = await browser.newPage()
for (const [name, [size, svg]] of Object.entries(ICONS)) {
  await page.setViewportSize({ width: size, height: size })
  const style = `<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>`
  await page.setContent(style + svg)
  await writeFile(join(web, `icons/${name}.png`), await page.screenshot({ omitBackground: true }))
}
await browser.close()
