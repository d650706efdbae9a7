/**
 * The least cost of a start: it loads the server's libraries, opens a session of Postgres and one of Redis with a
 * subscription, and listens. It answers every request with 200.
 */
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Server as Engine } from 'engine.io'
import { Hono } from 'hono'
import { sign } from 'hono/jwt'
import { Redis } from 'ioredis'
import { jwtVerify } from 'jose'
import { parse } from 'lossless-json'
import pino from 'pino'
import postgres from 'postgres'
import { Registry } from 'prom-client'
import { Server } from 'socket.io'
import { WebSocketServer } from 'ws'
import { z } from 'zod'

const { DATABASE_URL = '', REDIS_URL = '', PORT = '0' } = process.env
const log = pino({ level: 'warn' })
const sql = postgres(DATABASE_URL, { max: 1 })
const redis = new Redis(REDIS_URL)
const app = new Hono().get('*', (c) => c.text('ok'))
const io = new Server()
io.bind(new Engine())
// Each is named here, so that the bundler keeps it.
const loaded = [sign, jwtVerify, parse, Registry, WebSocketServer, z.object]

await Promise.all([sql`select 1`, redis.subscribe('bare')])
createServer(getRequestListener(app.fetch)).listen(Number(PORT), '127.0.0.1', () => {
  log.debug({ libraries: loaded.length }, 'listening')
})
process.once('SIGTERM', () => process.exit(0))
