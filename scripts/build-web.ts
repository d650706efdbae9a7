import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { WEB_OUT } from '../src/http/web-pages.ts'
import { bundleWeb } from '../web/bundle.ts'

const files = await bundleWeb()
await rm(WEB_OUT, { recursive: true, force: true })
await mkdir(WEB_OUT, { recursive: true })
for (const [name, bytes] of files) {
  await writeFile(join(WEB_OUT, name), bytes)
  console.log(`${name}  ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`)
}
