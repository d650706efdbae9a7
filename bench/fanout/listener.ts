import { once } from 'node:events'
import pino from 'pino'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { Hub } from '../../src/realtime/stream/hub.ts'
import { EMPTY_LEDGER, EPOCH, NO_CHANGES } from './store.ts'

/** A process with connected users, and what it costs: `listener.ts <redis> <users> <shards>`. */
const [redis = '', users = '1', shards = '1'] = process.argv.slice(2)
const logger = pino({ level: 'silent' })
const bus = new RedisBus({
  redis: parseRedisAddress(redis),
  ...{ epoch: EPOCH, currency: 'USD', changes: NO_CHANGES, shards: Number(shards) },
  ...{ history: 0, logger },
})
const hub = new Hub({ bus, store: EMPTY_LEDGER, logger })
let own = 0
let messages = 0
bus.listen({
  message: () => {
    messages += 1
  },
  link: () => {},
})
const write = () => {
  own += 1
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
while (bus.link.state !== 'live') await sleep(10)
for (let i = 0; i < Number(users); i++) {
  const sink = { write, queuedBytes: () => 0, close: () => {} }
  hub.subscribe({ tenant: 'default', userId: `user-${i}` }, sink, { currency: 'USD' })
}
while (own < Number(users)) await sleep(10)
process.send?.('ready')
await once(process, 'message')
own = 0
messages = 0
const before = process.cpuUsage()
const began = performance.now()
process.send?.('started')
await once(process, 'message')
// Until nothing comes any more.
for (let seen = -1; seen !== messages; ) {
  seen = messages
  await sleep(100)
}
const { user, system } = process.cpuUsage(before)
process.send?.({ cpuUs: user + system, messages, own, ms: performance.now() - began })
