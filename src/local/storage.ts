import type { AuthenticatorOptions } from '../auth/authenticator.ts'
import { ownSecret } from '../auth/secret.ts'
import { sessionSecret } from '../auth/sessions.ts'
import type { Config } from '../config/config.ts'
import { ownVapidKeys } from '../deliveries/vapid-file.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { listenUnlessPooled } from '../postgres/listener.ts'
import { openReplicas } from '../postgres/replica-sessions.ts'
import { openSessions } from '../postgres/sessions.ts'
import { chooseRedis, openDatabase, type PrivateServices } from './services.ts'

/** What a server keeps its state in, and the keys of its tokens. */
export type Storage = Awaited<ReturnType<typeof openStorage>>

/**
 * Opens or starts Postgres and Redis, migrates the database, and finds the keys of tokens.
 * @param started what a parent has started and checked for this process. Default: nothing
 */
export async function openStorage(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
  started?: PrivateServices,
) {
  const database = started?.database ?? (await openDatabase(config, log, releases))
  const { pools, role, unguarded } = await openSessions(
    { ...config, ...database, log, warned: started !== undefined },
    releases,
  )
  const dataDir = database.dataDir ?? config.dataDir
  const redis = started?.redis ?? (await chooseRedis(config, dataDir, log, releases))
  const keys =
    config.tokenKeys.kind === 'generated'
      ? { kind: 'secret' as const, secret: await ownSecret(dataDir) }
      : config.tokenKeys
  return {
    /** The data folder of a private Postgres. */
    dataDir: database.dataDir,
    redis,
    keys,
    sessionSecret: sessionSecretOf(config, keys),
    vapid: await vapidKeys(config, dataDir),
    secret: keys.kind === 'secret' ? keys.secret : undefined,
    /** The reason why the server has more rights in the database than it needs. */
    unguarded,
    pools,
    /** The sessions with each replica. */
    replicas:
      config.databaseReplicaUrl === undefined
        ? []
        : openReplicas(config.databaseReplicaUrl, { role, ...config }, releases),
    /** Calls back at each notification on a channel. A pooler that shares sessions passes none on. */
    listen: (channel: string, notified: () => void) =>
      listenUnlessPooled(database.appUrl, channel, notified, { role, log }, releases),
  }
}

/** Undefined: nobody has a session. The configuration sees to a secret where there is an identity provider. */
function sessionSecretOf({ signIn }: Config, keys: AuthenticatorOptions['keys']) {
  const shared = signIn?.secret ?? (keys.kind === 'secret' ? keys.secret : undefined)
  return signIn && shared !== undefined ? sessionSecret(shared) : undefined
}

async function vapidKeys({ push: { keys, subject } }: Config, dataDir: string) {
  const pair = keys === 'generated' ? await ownVapidKeys(dataDir) : keys
  return pair && { ...pair, subject }
}
