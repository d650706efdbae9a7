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
 * Caches balances, publishes messages and appends them to histories, in one step.
 * KEYS: value and version key of each balance, then the keys of histories.
 * ARGV: epoch, TTL of balances in seconds, mode (`all`, or `cached` to write only what is there already), `PUBLISH` or
 * `SPUBLISH`, channel, the number of balances, the length and the TTL in seconds of histories, seq and text of each balance, then of each message
 * the place of its history key (0: none), its seq and its text. If the place is negative, nothing is published, and a
 * history that ends before this seq is deleted, because it misses events.
 *
 * A cached balance of the same epoch with a greater seq stays. One of another epoch or without a version is
 * overwritten. Elements of a history are `<seq> <message>`. Each seq follows the one before: if it would not, the history
 * begins anew. Returns the number of balances that it wrote.
 */
export const PUBLISH = new RedisScript(`
local epoch, ttl, mode, publish, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local count, length, historyTtl = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local written = 0
local heads, changed = {}, {}
local function head(key)
  if not heads[key] then
    local newest = redis.call('LINDEX', key, -1)
    heads[key] = newest and tonumber(string.match(newest, '^%d+')) or 0
  end
  return heads[key]
end
for i = 1, count do
  local value, version = KEYS[2 * i - 1], KEYS[2 * i]
  local seq, text = ARGV[7 + 2 * i], ARGV[8 + 2 * i]
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
for i = 9 + 2 * count, #ARGV, 3 do
  local place, seq, text = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), ARGV[i + 2]
  local key = KEYS[2 * count + math.abs(place)]
  if place >= 0 then redis.call(publish, channel, text) end
  if place < 0 then
    if head(key) < seq then redis.call('UNLINK', key) end
  elseif place > 0 and seq > head(key) and (mode == 'all' or head(key) > 0) then
    if seq > head(key) + 1 then redis.call('UNLINK', key) end
    redis.call('RPUSH', key, ARGV[i + 1] .. ' ' .. text)
    heads[key], changed[key] = seq, true
  end
end
for key in pairs(changed) do
  redis.call('LTRIM', key, -length, -1)
  redis.call('EXPIRE', key, historyTtl)
end
return written
`)

/**
 * KEYS: the number of shards. ARGV: the caller's number, TTL in seconds. An error if the others have another number:
 * one of them would publish where the other does not listen.
 */
export const AGREE_ON_SHARDS = new RedisScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  return redis.error_reply('SHARDS there are ' .. held .. ' shards, and not ' .. ARGV[1])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
`)

/**
 * KEYS: history, value and version key of each user. ARGV: of each user the seq after which events are wanted, or ''.
 * Returns for each user the newest seq, the balance, its version, and the messages; or nothing if it does not have all
 * of these events.
 */
export const READ_HISTORY = new RedisScript(`
local found = {}
for i = 1, #ARGV do
  local history, value, version = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  local newest = redis.call('LINDEX', history, -1)
  local answer = {}
  if newest then
    local head = string.match(newest, '^%d+')
    local missed = ARGV[i] == '' and 0 or tonumber(head) - tonumber(ARGV[i])
    if missed >= 0 and missed <= redis.call('LLEN', history) then
      answer = {head, redis.call('GET', value) or '', redis.call('GET', version) or ''}
      if missed > 0 then
        for _, element in ipairs(redis.call('LRANGE', history, -missed, -1)) do
          answer[#answer + 1] = string.sub(element, string.find(element, ' ', 1, true) + 1)
        end
      end
    end
  end
  found[i] = answer
end
return found
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
