/**
 * The balance server inside of a program of yours, on Deno.
 *
 *   DATABASE_URL=… REDIS_URL=… JWT_SECRET=… deno run --allow-net --allow-env --allow-read --allow-sys examples/edge/deno.ts
 */
import { denoHandler, startBalance } from 'livebalance/edge'

const { PORT = '3000', HOST: hostname = '127.0.0.1' } = process.env
const balance = await startBalance()
const handle = denoHandler(balance)

const server = Deno.serve({ port: Number(PORT), hostname }, (request, info) => {
  const { pathname } = new URL(request.url)
  return pathname === '/hello' ? new Response('Hello') : handle(request, info)
})

Deno.addSignalListener('SIGTERM', async () => {
  await balance.stop(() => server.shutdown())
  Deno.exit(0)
})
