import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleServer } from './bundle-server.ts'

/** `dist`, but for the types, which tsc writes beside: the server, and the client as a library. */
const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')

await rm(join(DIST, 'src'), { recursive: true, force: true })
await bundleServer(DIST)
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/client/index.ts', 'src/client/react.ts'],
  outdir: join(DIST, 'src'),
  outbase: 'src',
  chunkNames: 'client/[name]-[hash]',
  bundle: true,
  splitting: true,
  // Whoever installs it has one socket.io-client and one React, which the application uses too.
  packages: 'external',
  platform: 'neutral',
  format: 'esm',
  target: 'es2022',
  sourcemap: 'linked',
  logLevel: 'warning',
})
