import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PACKAGE_ROOT } from '../lib/package-root.ts'

/** The built pages by name: `wallet.html`, `admin.html`, and the assets they load, whose names change with their content. */
export type WebFiles = ReadonlyMap<string, Uint8Array>

/** Gives the built pages. Rejects with a reason when there is nothing to build them with. */
export type WebPages = () => Promise<WebFiles>

/** Where `npm run build:web` leaves the pages. */
export const WEB_OUT = join(PACKAGE_ROOT, 'dist/web')

/** The same place, seen from the built server. */
const BESIDE = join(PACKAGE_ROOT, 'web')

const SOURCE = join(PACKAGE_ROOT, 'web/bundle.ts')

/**
 * Built in memory from `web/` when they are first asked for (a tenth of a second), so that a checkout
 * always shows its own sources; where only the built ones were shipped, those.
 */
export function webPages(): WebPages {
  let files: Promise<WebFiles> | undefined
  return () => {
    files ??= existsSync(SOURCE) ? build() : readBuilt()
    // Tried again for the next visitor: during development the sources may be right by then.
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
