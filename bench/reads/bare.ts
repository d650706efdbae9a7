import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { SECRET } from '../secret.ts'

/**
 * The limits of a cached read. `hello` is the smallest answer of `node:http`. `get` looks up a token that was verified
 * before, and sends one GET to Redis for each request.
 */
const [, , kind, redisUrl = ''] = process.argv

const hello: RequestListener = (_, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end('{"balance":1000000,"cached":true}')
}

function get(): RequestListener {
  const redis = new Redis(redisUrl)
  const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
  return async (request, response) => {
    const { authorization = '' } = request.headers
    const { userId } = await authenticate(authorization.slice('Bearer '.length))
    const balance = await redis.get(`balance:user:${userId}`)
    response.setHeader('Content-Type', 'application/json')
    response.end(`{"balance":${balance},"cached":${balance !== null}}`)
  }
}

const server = createServer(kind === 'hello' ? hello : get())
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
