import { createHash } from 'node:crypto'
import type { RedisCommands } from './redis-connections.ts'

/** A Lua script. It runs by its hash, and is sent in full if Redis does not know it. */
export class RedisScript {
  readonly #lua: string
  readonly #sha: string

  constructor(lua: string) {
    this.#lua = lua
    this.#sha = createHash('sha1').update(lua).digest('hex')
  }

  async run(redis: RedisCommands, keys: string[], args: (string | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await redis.eval(this.#lua, keys.length, ...keys, ...args)
    }
  }
}

/**
 * Caches balances and publishes messages in one step.
 * KEYS: value and version key of each balance. ARGV: epoch, TTL in seconds, mode (`all`, or `cached` to write
 * only balances that are cached already), channel, the number of balances, seq and text of each, the messages.
 * A cached balance of the same epoch with a greater seq stays. One of another epoch or without a version is
 * overwritten. Returns the number of balances that it wrote.
 */
export const PUBLISH = new RedisScript(`
local epoch, ttl, mode, channel, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local written = 0
for i = 1, count do
  local value, version = KEYS[2 * i - 1], KEYS[2 * i]
  local seq, text = ARGV[4 + 2 * i], ARGV[5 + 2 * i]
  local write = mode == 'all' or redis.call('EXISTS', value) == 1
  if write then
    local held = redis.call('GET', version)
    if held then
      local heldEpoch, heldSeq = string.match(held, '^(.*):(%d+)$')
      write = heldEpoch ~= epoch or tonumber(heldSeq) <= tonumber(seq)
    end
  end
  if write then
    redis.call('SET', value, text, 'EX', ttl)
    redis.call('SET', version, epoch .. ':' .. seq, 'EX', ttl)
    written = written + 1
  end
end
for i = 6 + 2 * count, #ARGV do
  redis.call('PUBLISH', channel, ARGV[i])
end
return written
`)

/**
 * KEYS: the user's counts by holder. ARGV: holder, limit, TTL in seconds, the number of other holders whose lease is
 * valid, those holders, then holders whose lease has ended. Drops the counts of the latter.
 * Returns 1 or 0, or the holders of which it was not told: their leases are keys of other slots.
 */
export const ACQUIRE_LEASE = new RedisScript(`
local holder, limit, ttl, valid = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local known = {[holder] = true}
for i = 5, #ARGV do known[ARGV[i]] = i <= 4 + valid end
local counts = redis.call('HGETALL', KEYS[1])
local total, unknown = 0, {}
for i = 1, #counts, 2 do
  local state = known[counts[i]]
  if state == nil then
    unknown[#unknown + 1] = counts[i]
  elseif state then
    total = total + tonumber(counts[i + 1])
  end
end
if #unknown > 0 then return unknown end
for i = 5 + valid, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
if total >= limit then return 0 end
redis.call('HINCRBY', KEYS[1], holder, 1)
redis.call('EXPIRE', KEYS[1], ttl)
return 1
`)

/** KEYS: the user's counts by holder. ARGV: holder. */
export const RELEASE_LEASE = new RedisScript(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 and redis.call('HINCRBY', KEYS[1], ARGV[1], -1) <= 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 1
`)

/**
 * KEYS: a counter. ARGV: points, the window in milliseconds. Returns the used points and the milliseconds until
 * the window ends. A key that would outlive the window was created before the clock of Redis was set back.
 */
export const ADD_TO_WINDOW = new RedisScript(`
local used = redis.call('INCRBY', KEYS[1], ARGV[1])
local left, window = redis.call('PTTL', KEYS[1]), tonumber(ARGV[2])
if left < 0 or left > window then
  redis.call('PEXPIRE', KEYS[1], window)
  left = window
end
return {used, left}
`)
