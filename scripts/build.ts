import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleServer } from './bundle-server.ts'

/** Builds `dist`: the server, and the client as a library. tsc adds the types. */
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
  // The application brings socket.io-client and React, and must have only one of each.
  packages: 'external',
  platform: 'neutral',
  format: 'esm',
  target: 'es2022',
  sourcemap: 'linked',
  logLevel: 'warning',
})
