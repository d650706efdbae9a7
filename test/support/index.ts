export { contentsOf } from './contents.ts'
export { createDatabase, createEmptyDatabase, sqlRoleOf, type TestDatabase } from './database.ts'
export { eventually } from './eventually.ts'
export {
  type ConfiguredRedis,
  describeWithPrivateRedis,
  describeWithRedis,
  describeWithValkey,
  type PrivateRedis,
  redisUrl,
  startConfiguredRedis,
  startPrivateRedis,
} from './redis.ts'
export { mintToken, TEST_SECRET } from './token.ts'
export { UNLIMITED } from './unlimited.ts'
