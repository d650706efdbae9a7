import { moveTenant } from '../../../src/tenants/move.ts'

/** A move that kills its process before a step, which may be the name of a table: `mover.ts TENANT MAIN TARGET STEP`. */
const [tenant = '', main = '', target = '', last] = process.argv.slice(2)
await moveTenant({
  tenant,
  places: [
    { name: 'main', url: main },
    { name: 'beside', url: target },
  ],
  to: 'beside',
  onStep(step, table) {
    if ((table ?? step) === last) process.kill(process.pid, 'SIGKILL')
  },
})
