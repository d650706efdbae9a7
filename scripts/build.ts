import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { bundleServer } from './bundle-server.ts'

/** Builds `dist`: the server, and the libraries for browsers and for services. tsc adds the types. */
const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')
const ENTRIES = ['client/index', 'client/react', 'server-sdk/index']

await rm(join(DIST, 'src'), { recursive: true, force: true })
await bundleServer(DIST)

const LIBRARY = {
  absWorkingDir: ROOT,
  entryPoints: ENTRIES.map((entry) => `src/${entry}.ts`),
  outdir: join(DIST, 'src'),
  outbase: 'src',
  bundle: true,
  // The application brings socket.io-client and React, and must have only one of each.
  packages: 'external',
  platform: 'neutral',
  target: 'es2022',
  sourcemap: 'linked',
  logLevel: 'warning',
} satisfies BuildOptions

await build({ ...LIBRARY, format: 'esm', splitting: true, chunkNames: 'client/[name]-[hash]' })
await build({
  ...LIBRARY,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // Jest and Metro run a `require` where they would not run an `import()`.
  supported: { 'dynamic-import': false },
})
for (const entry of ENTRIES) await declareCommonJs(entry)

/** Writes the types of the form for `require()`. They are those of the other form, which only TypeScript tells apart. */
async function declareCommonJs(entry: string): Promise<void> {
  const names = Object.keys(await import(pathToFileURL(join(DIST, `src/${entry}.js`)).href))
  const other = `'./${entry.split('/').at(-1)}.js' with { 'resolution-mode': 'import' }`
  const lines = [
    `import type * as library from ${other};`,
    `export type * from ${other};`,
    ...names.map((name) => `export declare const ${name}: typeof library.${name};`),
  ]
  await writeFile(join(DIST, `src/${entry}.d.cts`), `${lines.join('\n')}\n`)
}
