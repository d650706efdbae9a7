import { Redis } from 'ioredis'
import { test as base } from 'vitest'
import { startPrivateRedis } from '../redis.ts'

/** Tests that break their file's own Redis. Use them in suites of `describeWithPrivateRedis`. */
export const test = base
  .extend('redis', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis.close())
    return redis
  })
  /** A connection of the test itself, which reconnects after Redis was broken. */
  .extend('admin', { scope: 'file' }, async ({ redis }, { onCleanup }) => {
    const admin = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
    admin.on('error', () => {})
    onCleanup(() => admin.disconnect())
    return admin
  })
