import { resolve } from 'node:path'
import { keptSecret, ownSecret } from '../auth/secret.ts'
import { mintToken, type TokenClaims } from '../auth/tokens.ts'
import { type BalanceApi, createApi } from '../client/api.ts'
import { ConfigError } from '../config/config.ts'
import { VARIABLES } from '../config/variables.ts'
import { parseJson } from '../lib/json.ts'
import { sleep } from '../lib/timeout.ts'
import { openDataFolder } from '../local/data-folder.ts'
import { aboutFolder } from '../local/errors.ts'
import { dataFolderOf } from '../local/postgres.ts'
import { type CommandConfig, CommandFailed, UsageError } from './command.ts'

/** The options of all commands that talk to a server. */
export const SERVER_OPTIONS = {
  url: {
    type: 'string',
    value: 'url',
    description: 'The server. Default LIVEBALANCE_URL, else localhost.',
  },
  tenant: {
    type: 'string',
    value: 'name',
    description: 'Default `default`. Not with LIVEBALANCE_TOKEN, which names its tenant.',
  },
} as const

export const SERVER_NOTE =
  'Talks to a running server as an admin: with the token in LIVEBALANCE_TOKEN, else with one that it signs\nwith JWT_SECRET, or with the secret in DATA_DIR.'

/** The options of commands of the platform's operator. */
export const PLATFORM_OPTIONS = { url: SERVER_OPTIONS.url } as const

export const PLATFORM_NOTE =
  'Talks to a running server as an operator: with the token in LIVEBALANCE_TOKEN, else with one that it signs\nwith JWT_SECRET, or with the secret in DATA_DIR.'

/** How often a call is sent if the server is unavailable or asks to repeat it. */
const MAX_ATTEMPTS = 5

/** Longest wait for the next attempt, even if `Retry-After` is longer. */
const MAX_WAIT_MS = 10_000

/** Creates a client of the server's API. It repeats a call only if that cannot do anything twice. */
export async function serverApi(
  config: CommandConfig,
  { url, tenant }: { url: string | undefined; tenant: string | undefined },
): Promise<BalanceApi> {
  return connect(config, url, () => adminToken(config, tenant))
}

/** The same for an operator. */
export function operatorApi(
  config: CommandConfig,
  { url }: { url: string | undefined },
): Promise<BalanceApi> {
  const claims = { sub: 'cli', roles: ['operator'], expiresIn: tokenSeconds(config) }
  const token = async () => config.serverToken ?? (await signToken(config, claims))
  return connect(config, url, token)
}

async function connect(
  config: CommandConfig,
  url: string | undefined,
  getToken: () => Promise<string>,
): Promise<BalanceApi> {
  const server = serverUrl(config, url)
  // A new token for each call, because a command may take longer than JWT_MAX_LIFETIME.
  // Fails before the first call if no token can be signed.
  await getToken()
  return createApi({
    url: server,
    getToken,
    fetch: (input, init) => fetchWithRetries(server, input, init),
  })
}

async function fetchWithRetries(
  server: string,
  input: string,
  init?: RequestInit,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === MAX_ATTEMPTS
    try {
      const response = await fetch(input, init)
      const busy = response.status === 429 || response.status === 503
      // Without Retry-After, the server does not know whether it has done the work.
      const notDone = response.headers.has('Retry-After')
      if (!busy || last || !(notDone || isRepeatable(init))) return response
      await response.body?.cancel()
      const seconds = Number(response.headers.get('Retry-After')) || 1
      await sleep(Math.min(MAX_WAIT_MS, seconds * 1000))
    } catch (error) {
      if (last || !isTemporary(error)) throw unreachable(server, error)
      if (!isRepeatable(init)) throw unknownOutcome(error)
      await sleep(200 * 2 ** attempt)
    }
  }
}

/** Tells whether sending the request again cannot do anything twice. */
function isRepeatable({ method = 'GET', headers }: RequestInit = {}): boolean {
  return method.toUpperCase() === 'GET' || new Headers(headers).has('Idempotency-Key')
}

/** A broken connection may work the next time. A server that does not run will not run soon. */
function isTemporary(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: string }
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET' || code === 'EPIPE'
}

function unknownOutcome(cause: unknown): CommandFailed {
  return new CommandFailed(
    'timeout',
    'the connection broke before the answer: it is not known whether it was done',
    { cause },
  )
}

function unreachable(server: string, error: unknown): CommandFailed {
  const { code, message } = ((error as Error).cause ?? error) as { code?: string; message: string }
  return new CommandFailed(
    'unreachable',
    `no server answers at ${new URL(server).origin} (${code ?? message}): name it by --url or LIVEBALANCE_URL`,
    { cause: error },
  )
}

/**
 * Reads the body of a typed answer, with all digits of its amounts.
 *
 * @throws CommandFailed with the code of the server if it refuses
 */
export async function take<T>(
  response: Promise<{ ok: boolean; status: number; text(): Promise<string>; json(): Promise<T> }>,
): Promise<T> {
  const answer = await response
  const text = await answer.text()
  if (answer.ok) return parseJson(text) as T
  const problem = problemIn(text)
  if (!problem) {
    throw new CommandFailed('unexpected_answer', `the server answered ${answer.status}`)
  }
  throw new CommandFailed(
    problem.code,
    `${problem.message} (${problem.code}, request ${problem.requestId})`,
  )
}

function problemIn(text: string) {
  try {
    const body = JSON.parse(text) as { code?: string; message?: string; requestId?: string }
    const { code, message, requestId = '?' } = body
    return code && message ? { code, message, requestId } : undefined
  } catch {
    return undefined
  }
}

/**
 * Chooses the server: `--url`, else LIVEBALANCE_URL, else localhost.
 *
 * @throws UsageError if `--url` is not valid
 */
export function serverUrl(
  { serverUrl }: Pick<CommandConfig, 'serverUrl'>,
  url: string | undefined,
): string {
  const { error } = VARIABLES.shape.LIVEBALANCE_URL.safeParse(url)
  if (error) throw new UsageError(`--url ${error.issues[0]?.message}`)
  return url ?? serverUrl
}

/** Seconds: a long day of work. */
const TOKEN_SECONDS = 12 * 3600

type Keys = Pick<
  CommandConfig,
  'databaseUrl' | 'dataDir' | 'jwtSecret' | 'jwksUrl' | 'jwtIssuers' | 'jwtClaims' | 'jwtAudience'
>

/**
 * Signs a token that a server with the same environment accepts.
 *
 * @param options.newSecret whether to create a secret if the data folder has none
 * @throws ConfigError if only an identity provider can sign tokens
 * @throws CommandFailed if there is no secret
 */
export async function signToken(
  config: Keys,
  claims: Omit<TokenClaims, 'issuers' | 'audience' | 'names'>,
  { newSecret = false } = {},
): Promise<string> {
  const secret = await secretOf(config, newSecret)
  return mintToken(secret, {
    ...claims,
    issuers: config.jwtIssuers,
    names: config.jwtClaims,
    audience: config.jwtAudience,
  })
}

async function secretOf(
  { jwtSecret, jwksUrl, databaseUrl, dataDir }: Keys,
  newSecret: boolean,
): Promise<string> {
  if (jwtSecret !== undefined) return jwtSecret
  if (jwksUrl !== undefined) {
    throw new ConfigError(
      'JWT_JWKS_URL is set: only your identity provider can sign tokens; give one in LIVEBALANCE_TOKEN',
    )
  }
  if (databaseUrl !== undefined) {
    throw new ConfigError('JWT_SECRET must be set, or a token given in LIVEBALANCE_TOKEN')
  }
  const folder = dataFolderOf(dataDir)
  try {
    const secret = newSecret ? await ownSecret(openDataFolder(folder)) : await keptSecret(folder)
    if (secret !== undefined) return secret
  } catch (error) {
    throw aboutFolder(error, folder)
  }
  throw new CommandFailed(
    'no_secret',
    `no server has run on the data folder ${resolve(dataDir)}, or it was given a JWT_SECRET: run this where the server runs, or set DATA_DIR, JWT_SECRET or LIVEBALANCE_TOKEN`,
  )
}

/** Returns how long tokens of a command are valid: no longer than the server accepts. */
export function tokenSeconds({
  jwtMaxLifetime = TOKEN_SECONDS,
}: Pick<CommandConfig, 'jwtMaxLifetime'>): number {
  return Math.min(TOKEN_SECONDS, jwtMaxLifetime)
}

/** Returns LIVEBALANCE_TOKEN, or else signs a token for an admin of the tenant. */
export async function adminToken(
  config: CommandConfig,
  tenant: string | undefined,
): Promise<string> {
  if (config.serverToken === undefined) {
    const claims = { sub: 'cli', roles: ['admin'], expiresIn: tokenSeconds(config) }
    return signToken(config, { ...claims, ...(tenant && { tenant }) })
  }
  if (tenant !== undefined) {
    throw new UsageError('--tenant: the token in LIVEBALANCE_TOKEN says which tenant it is for')
  }
  return config.serverToken
}
