import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname

/** Each page has its entry in the folder of its name. All pages are made from `page.html`. */
const PAGES = {
  wallet: { title: 'Wallet', description: 'Your balance, live.' },
  admin: { title: 'Console', description: 'Topups, users and the ledger.' },
} as const

/**
 * Builds the pages and their assets, by file name. An asset's name contains a hash of its content, so browsers may
 * keep it for ever. The pages refer to those names and must not be kept.
 */
export async function bundleWeb(): Promise<Map<string, Uint8Array>> {
  const template = await readFile(join(here, 'page.html'), 'utf8')
  const pages = Object.keys(PAGES) as (keyof typeof PAGES)[]
  const icons = await readIcons()
  const all = await Promise.all(pages.map((page) => bundlePage(page, template, icons)))
  const extras = [...icons.files, ['worker.js', await bundleWorker(icons)] as const]
  const manifest = new TextEncoder().encode(JSON.stringify(manifestOf(icons)))
  return new Map([
    ...all.flatMap((files) => [...files]),
    ...extras,
    ['manifest.webmanifest', manifest],
  ])
}

/** Only the wallet can be installed. */
const installable = (icon: string) =>
  `<link rel="manifest" href="/manifest.webmanifest"><link rel="apple-touch-icon" href="${icon}">`

const ICONS = ['icon-192', 'icon-512', 'maskable-512', 'apple-180', 'badge'] as const
type Icons = Awaited<ReturnType<typeof readIcons>>

/** The icons that scripts/icons.ts has drawn, under names that contain a hash of their content. */
async function readIcons() {
  const files = new Map<string, Uint8Array>()
  const urls = {} as Record<(typeof ICONS)[number], string>
  for (const icon of ICONS) {
    const bytes = await readFile(join(here, `icons/${icon}.png`))
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase()
    files.set(`${icon}-${hash}.png`, bytes)
    urls[icon] = `/assets/${icon}-${hash}.png`
  }
  return { files, urls }
}

/** The service worker. Its name has no hash, because browsers ask for a new version under the same name. */
async function bundleWorker({ urls }: Icons): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: ['worker/worker.ts'],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    define: { ICON: JSON.stringify(urls['icon-192']), BADGE: JSON.stringify(urls.badge) },
    write: false,
    logLevel: 'silent',
  })
  const [worker] = outputFiles
  if (!worker) throw new Error('the worker was not built')
  return worker.contents
}

/** What a system needs to install the wallet as an app. */
function manifestOf({ urls }: Icons) {
  const icon = (src: string, size: number, purpose: 'any' | 'maskable') => ({
    ...{ src, sizes: `${size}x${size}`, type: 'image/png', purpose },
  })
  return {
    ...{ name: 'Livebalance Wallet', short_name: 'Wallet', description: PAGES.wallet.description },
    ...{ id: '/', start_url: '/', scope: '/', display: 'standalone' },
    ...{ theme_color: '#0c6b50', background_color: '#f6f5f1' },
    icons: [
      icon(urls['icon-192'], 192, 'any'),
      icon(urls['icon-512'], 512, 'any'),
      icon(urls['maskable-512'], 512, 'maskable'),
    ],
  }
}

/** Each page is built by itself: code that another page uses, too, would otherwise be cut into many small files. */
async function bundlePage(page: keyof typeof PAGES, template: string, { urls }: Icons) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: { [page]: `${page}/main.tsx`, appearance: 'appearance.ts' },
    outdir: '/assets',
    publicPath: '/assets',
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    // The licences of the bundled packages must be included.
    legalComments: 'eof',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    alias: { react: 'preact/compat' },
    loader: { '.svg': 'file' },
    define: { 'process.env.NODE_ENV': '"production"' },
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]))
  const icon = [...files.keys()].find((name) => name.startsWith('icon-'))
  const appearance = [...files.keys()].find((name) => name.startsWith('appearance-'))
  const [script, output] =
    Object.entries(metafile.outputs).find(
      ([, { entryPoint }]) => entryPoint === `${page}/main.tsx`,
    ) ?? []
  if (!script || !output?.cssBundle || !icon || !appearance)
    throw new Error(`${page} was not built`)
  const { title, description } = PAGES[page]
  const html = template
    .replace('{title}', title)
    .replace('{description}', description)
    .replace('{script}', `/assets/${basename(script)}`)
    .replace('{style}', `/assets/${basename(output.cssBundle)}`)
    .replace('{icon}', `/assets/${icon}`)
    .replace('{manifest}', page === 'wallet' ? installable(urls['apple-180']) : '')
    .replace('{appearance}', `/assets/${appearance}`)
    // Without them, the browser finds these files only after it has loaded the script.
    .replace(
      '{preloads}',
      output.imports
        .filter(({ kind }) => kind === 'import-statement')
        .map(({ path }) => `<link rel="modulepreload" href="/assets/${basename(path)}">`)
        .join(''),
    )
  return files.set(`${page}.html`, new TextEncoder().encode(html))
}
