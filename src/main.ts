import module from 'node:module'

// Node 22.1 and newer keep compiled code between starts. Older ones, and the types of Node 20, lack this.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()

// Imported only now, because the cache takes in what is loaded after the call.
const { start } = await import('./start.ts')
await start()
