import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build, type Metafile } from 'esbuild'
import pkg from '../package.json' with { type: 'json' }
import { CHECKSUMS_FILE, computeChecksums } from '../src/postgres/sql-files.ts'

const ROOT = join(import.meta.dirname, '..')

/**
 * Bundles the server and the command line with their libraries, because reading hundreds of small modules takes
 * most of a start. `out` also gets the SQL, a package.json and the licenses of the libraries.
 */
export async function bundleServer(out: string): Promise<void> {
  // Apart, so that the server starts from one large file rather than from the twenty that all three would share.
  const metafiles = [
    await bundle(['src/main.ts'], join(out, 'src'), 'src'),
    await bundle(['src/cli/main.ts', 'src/edge/index.ts'], join(out, 'src'), 'src'),
  ]
  // Only the SQL that migrations run. The examples and the golden schema are for readers of the repository.
  for (const part of ['functions', 'migrations', 'views', 'roles.sql', 'revision.json']) {
    await cp(join(ROOT, 'sql', part), join(out, 'sql', part), { recursive: true })
  }
  await writeFile(join(out, 'sql', CHECKSUMS_FILE), JSON.stringify(computeChecksums()))
  // A full package.json would make this folder a package inside of the package.
  const { name, version, type } = pkg
  await writeFile(join(out, 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
  await writeFile(join(out, 'licenses.txt'), await licensesOf(metafiles))
}

/** Bundles programs of the repository. Each keeps its path below `base`. */
export async function bundle(programs: string[], outdir: string, base: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: programs,
    outdir,
    outbase: base,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: REQUIRE },
    // Names are not minified, for stack traces without a source map.
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    metafile: true,
    legalComments: 'none',
    // Optional native parts of ws, which need a compiler.
    external: ['bufferutil', 'utf-8-validate'],
    logLevel: 'warning',
  })
  return metafile
}

/** Names that CommonJS libraries use and an ES module lacks. */
const REQUIRE = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('')

/** Collects the licenses of the libraries in the bundle. Each must accompany every copy. */
async function licensesOf(metafiles: readonly Metafile[]): Promise<string> {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs))
  const folders = new Set(
    inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  )
  const texts = await Promise.all(
    [...folders].sort().map((folder) => licenseOf(join(ROOT, folder))),
  )
  return texts.join(`\n${'-'.repeat(80)}\n`)
}

async function licenseOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  )
  const file = (await readdir(folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
  const text = file ? await readFile(join(folder, file), 'utf8') : `License: ${license}\n`
  return `${name} ${version} (${relative(ROOT, folder)})\n\n${text}`
}
