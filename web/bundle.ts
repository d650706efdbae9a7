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
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: Object.fromEntries(Object.keys(PAGES).map((page) => [page, `${page}/main.tsx`])),
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
  const template = await readFile(join(here, 'page.html'), 'utf8')
  for (const [page, { title, description }] of Object.entries(PAGES)) {
    const [script, output] =
      Object.entries(metafile.outputs).find(
        ([, { entryPoint }]) => entryPoint === `${page}/main.tsx`,
      ) ?? []
    if (!script || !output?.cssBundle || !icon) throw new Error(`${page} was not built`)
    const html = template
      .replace('{title}', title)
      .replace('{description}', description)
      .replace('{script}', `/assets/${basename(script)}`)
      .replace('{style}', `/assets/${basename(output.cssBundle)}`)
      .replace('{icon}', `/assets/${icon}`)
      // Without them, the browser finds these files only after it has loaded the script.
      .replace(
        '{preloads}',
        output.imports
          .filter(({ kind }) => kind === 'import-statement')
          .map(({ path }) => `<link rel="modulepreload" href="/assets/${basename(path)}">`)
          .join(''),
      )
    files.set(`${page}.html`, new TextEncoder().encode(html))
  }
  return files
}
