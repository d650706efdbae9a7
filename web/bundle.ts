import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname

/** Each page: the entry of the same name loads everything else. */
const PAGES = ['wallet', 'admin'] as const

/**
 * The pages and their assets, by name. Assets carry a hash of their content in their name, so that they
 * may be kept for ever; the pages name them and may not.
 */
export async function bundleWeb(): Promise<Map<string, Uint8Array>> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: Object.fromEntries(PAGES.map((page) => [page, `${page}/main.tsx`])),
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
    // The licences of what is bundled have to travel along.
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
  for (const page of PAGES) {
    const [script, output] =
      Object.entries(metafile.outputs).find(
        ([, { entryPoint }]) => entryPoint === `${page}/main.tsx`,
      ) ?? []
    if (!script || !output?.cssBundle || !icon) throw new Error(`${page} was not built`)
    const template = await readFile(join(here, `${page}.html`), 'utf8')
    const html = template
      .replace('{script}', `/assets/${basename(script)}`)
      .replace('{style}', `/assets/${basename(output.cssBundle)}`)
      .replace('{icon}', `/assets/${icon}`)
      // Otherwise they are found only once the script is here.
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
