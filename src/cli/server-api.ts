import { setTimeout as sleep } from 'node:timers/promises'
import { type BalanceApi, createApi } from '../client/api.ts'
import { parseJson } from '../lib/json.ts'
import { CommandFailed } from './command.ts'
import type { CommandConfig } from './config.ts'
import { adminToken } from './server-token.ts'
import { serverUrl } from './server-url.ts'

/** What the commands that talk to a server have in common. */
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

/** Times that a call is sent, where the server is away or asks to come again. */
const ATTEMPTS = 5

/** Longest wait for the next attempt, in milliseconds, whatever `Retry-After` says. */
const LONGEST_WAIT = 10_000

/** The server's calls. One is repeated only where that does nothing twice. */
export async function serverApi(
  config: CommandConfig,
  { url, tenant }: { url: string | undefined; tenant: string | undefined },
): Promise<BalanceApi> {
  const server = serverUrl(config, url)
  // A command may take longer than JWT_MAX_LIFETIME lets a token live.
  const getToken = () => adminToken(config, tenant)
  // Where there is none to be had, nothing is asked for.
  await getToken()
  return createApi({ url: server, getToken, fetch: (input, init) => patient(server, input, init) })
}

async function patient(server: string, input: string, init?: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS
    try {
      const response = await fetch(input, init)
      const busy = response.status === 429 || response.status === 503
      // Without Retry-After the server does not know whether it did what was asked.
      const undone = response.headers.has('Retry-After')
      if (!busy || last || !(undone || isRepeatable(init))) return response
      await response.body?.cancel()
      const seconds = Number(response.headers.get('Retry-After')) || 1
      await sleep(Math.min(LONGEST_WAIT, seconds * 1000))
    } catch (error) {
      if (last || !isPassing(error)) throw unreachable(server, error)
      if (!isRepeatable(init)) throw unknownOutcome(error)
      await sleep(200 * 2 ** attempt)
    }
  }
}

/** Whether sending it again does nothing twice. */
function isRepeatable({ method = 'GET', headers }: RequestInit = {}): boolean {
  return method.toUpperCase() === 'GET' || new Headers(headers).has('Idempotency-Key')
}

/** A connection that broke may work the next time; a server that is not there will not be soon. */
function isPassing(error: unknown): boolean {
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
 * The body of a typed answer, with every digit of its amounts.
 * @throws CommandFailed with the server's code for a refusal
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
