import { existsSync } from 'node:fs'
import { mkdtemp, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { bundleServer } from '../../scripts/bundle-server.ts'

/**
 * The file of a program as it is shipped, built by whoever asks first in a run. Its processes start in a third of the
 * time that they need from the sources.
 *
 * @param program below `src`, without its ending: `main` is the server
 */
export async function built(program: 'main' | 'cli/main'): Promise<string> {
  const folder = join(inject('runFolder'), 'built')
  if (!existsSync(folder)) {
    const mine = await mkdtemp(`${folder}-`)
    await bundleServer(mine)
    // Test files run side by side. If another one was faster, its folder stands there, and is as good.
    await rename(mine, folder).catch(() => {})
  }
  return join(folder, 'src', `${program}.js`)
}
