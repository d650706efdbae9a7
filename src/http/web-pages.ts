import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PACKAGE_ROOT } from '../lib/package-root.ts'

/** The built pages by name: `wallet.html`, `admin.html` and their assets, whose names contain a hash. */
export type WebFiles = ReadonlyMap<string, Uint8Array>

/** Returns the built pages. Rejects if they cannot be built. */
export type WebPages = () => Promise<WebFiles>

/** The output folder of `npm run build:web`. */
export const WEB_OUT = join(PACKAGE_ROOT, 'dist/web')

/** The same folder, relative to the built server. */
const BESIDE = join(PACKAGE_ROOT, 'web')

const SOURCE = join(PACKAGE_ROOT, 'web/bundle.ts')

/**
 * In a checkout, builds the pages in memory from `web/` at the first request, in a tenth of a second, so that
 * they match its sources. In an installation without sources, reads the built pages.
 */
export function webPages(): WebPages {
  let files: Promise<WebFiles> | undefined
  return () => {
    files ??= existsSync(SOURCE) ? build() : readBuilt()
    // The next request tries again, because a developer may have fixed the sources.
    files.catch(() => {
      files = undefined
    })
    return files
  }
}

async function build(): Promise<WebFiles> {
  const { bundleWeb } = (await import(
    pathToFileURL(SOURCE).href
  )) as typeof import('../../web/bundle.ts')
  return bundleWeb()
}

async function readBuilt(): Promise<WebFiles> {
  const folder = existsSync(join(WEB_OUT, 'wallet.html')) ? WEB_OUT : BESIDE
  const names = await readdir(folder)
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name))] as const),
    ),
  )
}
