import { execFile } from 'node:child_process'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import pkg from '../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '..')
const KEEP_CODE = join(import.meta.dirname, 'keep-code.ts')

const run = promisify(execFile)

/**
 * The server and the command line, a file each, libraries included: reading and compiling some hundred small
 * modules is most of a start. `out` is complete: the SQL, a package.json, the libraries' licenses, and what
 * this Node has compiled of the server.
 */
export async function bundleServer(out: string): Promise<void> {
  const server = await build({
    ...SHARED,
    entryPoints: { main: 'src/launch.ts', server: 'src/start.ts' },
    outdir: join(out, 'src'),
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    // Server and launcher lie in one folder, as nothing else of the sources does.
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
  })
  const cli = await build({
    ...SHARED,
    entryPoints: ['src/cli/main.ts'],
    outdir: join(out, 'src'),
    outbase: 'src',
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    format: 'esm',
    banner: { js: REQUIRE },
  })
  await writeFile(join(out, 'src/main.js'), "import './main.cjs'\n")
  // What migrations run; the examples and the golden schema are for readers of the repository.
  for (const part of ['functions', 'migrations', 'views', 'roles.sql', 'revision.json']) {
    await cp(join(ROOT, 'sql', part), join(out, 'sql', part), { recursive: true })
  }
  // The whole of it would make a package inside the package.
  const { name, version, type } = pkg
  await writeFile(join(out, 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
  await writeFile(join(out, 'licenses.txt'), await licensesOf(server.metafile, cli.metafile))
  await run(process.execPath, ['--import', 'tsx', KEEP_CODE, join(out, 'src/server.cjs')])
}

/** Parts of libraries that the server has no use for, by path, and who asks for them: a tenth of the whole. */
const UNUSED = [
  { path: /\/locales\/index\.js$/, by: /\/zod\/v4\// },
  { path: /^\.\.?\/cluster$/, by: /\/ioredis\/built\// },
  // For the kinds of content that a caller accepts; engine.io asks for encodings alone.
  { path: /^mime-types$/, by: /\/accepts\// },
  // Counters in other databases, and between the processes of node:cluster.
  {
    path: /^\.\/lib\/RateLimiter(Mongo|MySQL|Postgres|Cluster|Memcache|Dynamo|Prisma|Drizzle|Valkey|SQLite|Etcd)/,
    by: /\/rate-limiter-flexible\/index\.js$/,
  },
  // Writing the log in a thread of its own.
  { path: /^thread-stream$/, by: /\/pino\/lib\// },
]

const without: Plugin = {
  name: 'without what is not used',
  setup({ onResolve, onLoad }) {
    for (const { path, by } of UNUSED) {
      onResolve({ filter: path }, ({ importer }) =>
        by.test(importer) ? { path: 'unused', namespace: 'unused', sideEffects: false } : undefined,
      )
    }
    onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'export {}' }))
  },
}

const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces without a source map.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  metafile: true,
  legalComments: 'none',
  // Of use to ws where somebody compiled them; nobody has to.
  external: ['bufferutil', 'utf-8-validate'],
  plugins: [without],
  logLevel: 'warning',
} as const satisfies BuildOptions

/** What CommonJS libraries expect to find, and an ES module does not have. */
const REQUIRE = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('')

/** The licenses of the libraries in the bundle, as each wants to accompany every copy. */
async function licensesOf(...metafiles: Metafile[]): Promise<string> {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs))
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
