import { Redis } from 'ioredis'
import { pino } from 'pino'
import { RedisLeases } from '../../../src/realtime/bus/redis-stores.ts'
import { ConnectionLimit } from '../../../src/realtime/connections/connection-limit.ts'

/** A process that holds connections of one user until it is killed: `lease-holder.ts URL USER COUNT SECONDS`. */
const [url = '', userId = '', count, leaseSeconds] = process.argv.slice(2)
const counts = new ConnectionLimit(new RedisLeases(new Redis(url)), pino({ level: 'silent' }), {
  leaseSeconds: Number(leaseSeconds),
})
for (let i = 0; i < Number(count); i++) await counts.acquire({ tenant: 'default', userId })
process.stdout.write('held')
