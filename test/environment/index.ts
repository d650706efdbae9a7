export { contentsOf } from './contents.ts'
export { createDatabase, createEmptyDatabase, type TestDatabase } from './database.ts'
export { eventually } from './eventually.ts'
export {
  describeWithPrivateRedis,
  describeWithRedis,
  type PrivateRedis,
  redisUrl,
  startPrivateRedis,
} from './redis.ts'
export { mintToken, TEST_SECRET } from './token.ts'
export { UNLIMITED } from './unlimited.ts'
