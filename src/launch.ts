// First of all: see there.
import './node-code-cache.ts'
import { join } from 'node:path'
import { CompiledBundle } from './code-cache.ts'

/**
 * `main.cjs` of a build: starts the server from its bundle beside. CommonJS, because Node sets the loader
 * of ES modules up for a tenth of its own start.
 */
const file = join(__dirname, 'server.cjs')
// Node looks for the source maps of modules alone.
const server = process.sourceMapsEnabled
  ? require(file)
  : new CompiledBundle(file).evaluate(__dirname, require)
void (server as typeof import('./start.ts')).start()
