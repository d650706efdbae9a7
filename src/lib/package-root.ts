import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The folder of the nearest package.json: the checkout, or `dist` in a build, where files have other places
 * than their sources. It contains `sql` and the built pages.
 */
export const PACKAGE_ROOT = nearest(import.meta.dirname)

function nearest(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const above = dirname(folder)
  if (above === folder) throw new Error(`no package.json above ${import.meta.dirname}`)
  return nearest(above)
}
