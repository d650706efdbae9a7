import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { bundleWeb } from '../../web/bundle.ts'

const files = await bundleWeb()
const textOf = (name: string) => new TextDecoder().decode(files.get(name))

/** The scripts and the style that a page needs before it shows anything. */
function firstLoad(page: string): string[] {
  return [...textOf(`${page}.html`).matchAll(/\/assets\/([\w.-]+\.(?:js|css))/g)].map(([, name]) =>
    String(name),
  )
}

test('the wallet loads at most 45 KB before it is there', () => {
  const names = firstLoad('wallet')
  const sizes = names.map((name) => gzipSync(files.get(name) ?? '').length)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(45 * 1024)
})

test('it loads sections, forms and the other languages when they are asked for', () => {
  const first = firstLoad('wallet').map(textOf).join('')
  const later = [...files.keys()]
    .filter((name) => name.endsWith('.js') && !firstLoad('wallet').includes(name))
    .map(textOf)
    .join('')
  const parts = [
    'Wartet auf Zustimmung',
    '/transactions/transfer',
    '/transactions/withdrawal',
    '/void',
    'minimumFractionDigits:0',
  ]
  for (const part of ['/transactions/monitors', ...parts.slice(0, 4)]) {
    expect([part, first.includes(part), later.includes(part)]).toEqual([part, false, true])
  }
})
