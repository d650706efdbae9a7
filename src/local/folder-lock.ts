import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { EmbeddedError, FolderInUse } from './error.ts'
import { isRunning, lifeOf, readLife, writeLife } from './process-life.ts'

/**
 * Takes the lock file `path` for this process. What a killed process left behind is taken over.
 * Returns the release. Throws `FolderInUse` while its holder lives.
 */
export function lockFolder(path: string): () => void {
  const life = lifeOf(process.pid)
  if (!life) throw new EmbeddedError('This process cannot be identified.')
  const own = `${path}.${process.pid}`
  // A link appears with its content complete, so that nobody reads half a lock.
  writeFileSync(own, writeLife(life), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linked(own, path)) return releaser(path)
      const text = textOf(path)
      if (text === null) continue
      const holder = readLife(text)
      if (holder && isRunning(holder)) throw new FolderInUse(dirname(path), holder.pid)
      setAside(path, text)
    }
  } finally {
    rmSync(own, { force: true })
  }
  throw new EmbeddedError(`The lock ${path} is contended: try again.`)
}

/** Removes a dead holder's lock, unless another process has taken it over since it was read. */
function setAside(path: string, judged: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (textOf(aside) !== judged) linked(aside, path)
  rmSync(aside, { force: true })
}

/** Works once: a second call must not release the lock that this process took again since. */
function releaser(path: string): () => void {
  let held = true
  return () => {
    if (held) rmSync(path, { force: true })
    held = false
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
