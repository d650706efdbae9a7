import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pkg from '../package.json' with { type: 'json' }

const dist = join(import.meta.dirname, '../dist')

// What migrations run; the examples and the golden schema are for readers of the repository.
for (const part of ['functions', 'migrations', 'views', 'roles.sql']) {
  await cp(join(import.meta.dirname, '../sql', part), join(dist, 'sql', part), { recursive: true })
}
// The whole of it would make a package inside the package.
const { name, version, type } = pkg
await writeFile(join(dist, 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
