/**
 * The balance server inside of a program of yours, on Bun.
 *
 *   DATABASE_URL=… REDIS_URL=… JWT_SECRET=… bun examples/edge/bun.ts
 */
import { bunOptions, startBalance } from 'livebalance/edge'

const { PORT = '3000', HOST: hostname = '127.0.0.1' } = process.env
const balance = await startBalance()
const options = bunOptions(balance)

const server = Bun.serve({
  ...options,
  port: Number(PORT),
  hostname,
  fetch(request, server) {
    const { pathname } = new URL(request.url)
    return pathname === '/hello' ? new Response('Hello') : options.fetch(request, server)
  },
})

process.on('SIGTERM', async () => {
  await balance.stop(() => server.stop())
  process.exit(0)
})
