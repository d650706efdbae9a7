import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** Bundles an entry of `src` for a browser. It fails if the entry needs something that only Node has. */
async function bundle(entry: string, external: string[]) {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(import.meta.dirname, '../../src', entry)],
    outdir: '/out',
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    external,
    write: false,
    logLevel: 'silent',
  })
  const text = outputFiles.map((file) => file.text).join('\n')
  return { gzipped: gzipSync(text).length, text, inputs: Object.keys(metafile.inputs) }
}

test('the client, typed REST calls included, is at most 8 KB, and runs on what a browser has', async () => {
  const { gzipped, inputs } = await bundle('client/index.ts', ['socket.io-client'])
  expect(gzipped).toBeLessThanOrEqual(8 * 1024)
  const foreign = inputs.filter((input) => !/src\/client\/|node_modules\/hono\//.test(input))
  expect(foreign).toEqual([])
})

test('socket.io-client is loaded only when it is chosen', async () => {
  const { text } = await bundle('client/index.ts', ['socket.io-client'])
  const imports = [...text.matchAll(/import\s*\(?[^;]*?["']socket\.io-client["']/g)].map(String)
  expect(imports).toEqual(['import("socket.io-client"'])
})

test('the hook adds at most 1 KB, and neither React nor the REST calls', async () => {
  const { gzipped, inputs } = await bundle('client/react.ts', ['react', 'socket.io-client'])
  const client = await bundle('client/client.ts', ['socket.io-client'])
  expect(gzipped - client.gzipped).toBeLessThanOrEqual(1024)
  expect(inputs.filter((input) => input.includes('node_modules'))).toEqual([])
})

test('the library for services is at most 7 KB, and runs on what every runtime has', async () => {
  const { gzipped, inputs } = await bundle('server-sdk/index.ts', [])
  expect(gzipped).toBeLessThanOrEqual(7 * 1024)
  expect(inputs.filter((input) => !/src\/(server-sdk|client)\//.test(input))).toEqual([])
})
