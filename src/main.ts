import module from 'node:module'

// Node 22.1 and newer can store compiled code for the next start. Older ones, and the types of Node 20, cannot.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()

// Imported after the call, because the cache stores only code that is loaded later.
await import('./cli/serve.ts')
