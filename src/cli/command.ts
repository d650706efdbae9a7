import { parseArgs } from 'node:util'
import { type Config, claimNames, parseVariables, redisTarget } from '../config/config.ts'
import type { Terminal } from './terminal.ts'

/** The command line is not valid. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command failed. Exit code 1. `message` is for the operator, `code` for programs. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** 0: success. 1: the command failed or found something wrong. */
export type ExitCode = 0 | 1

export interface Option {
  type: 'string' | 'boolean'
  /** The name of the value in the help. */
  value?: string
  description: string
}

type Options = Readonly<Record<string, Option>>

type Values<O extends Options> = {
  [K in keyof O]: { boolean: boolean; string: string }[O[K]['type']] | undefined
}

export interface Call<O extends Options = Options> {
  options: Values<O>
  /** The arguments that are not options. */
  args: string[]
  json: boolean
  terminal: Terminal
  config: CommandConfig
  /** Resolves at Ctrl-C. If it is never called, Ctrl-C ends the process. */
  interrupted(): Promise<void>
}

export interface Command {
  /** As a person types it, for example `topups approve`. */
  name: string
  summary: string
  /** The arguments in the help, for example `<id>...`. Without it the command takes none. */
  args?: string
  /** Longer text for the help. */
  details: string
  options: Options
  run(call: Call): Promise<ExitCode>
}

/** Gives the options of `run` the types of their definition. */
export function command<const O extends Options>(
  definition: Omit<Command, 'options' | 'run'> & {
    options: O
    run(call: Call<O>): Promise<ExitCode>
  },
): Command {
  return definition as unknown as Command
}

export const COMMON: Options = {
  json: { type: 'boolean', description: 'Print JSON.' },
  help: { type: 'boolean', description: 'Print this help.' },
}

/**
 * Parses the arguments of a command.
 *
 * @throws UsageError for an argument that the command does not take
 */
export function parse(command: Command, argv: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      options: { ...command.options, ...COMMON },
      allowPositionals: true,
    })
    const [unexpected] = positionals
    if (command.args === undefined && unexpected !== undefined && !values.help) {
      throw new UsageError(`\`${command.name}\` takes no argument: ${unexpected}`)
    }
    const empty = Object.keys(values).find((name) => values[name] === '')
    if (empty !== undefined) throw new UsageError(`--${empty} must not be empty`)
    const { json = false, help = false, ...options } = values
    return { json: json === true, help: help === true, options, args: positionals }
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')) {
      const [sentence = ''] = (error as Error).message.split('. ')
      throw new UsageError(sentence.replaceAll("'", '`'))
    }
    throw error
  }
}

/** The settings of the command line, from the server's variables. Each command checks the ones it needs. */
export interface CommandConfig
  extends Pick<
    Config,
    | 'databaseUrl'
    | 'tenantDatabases'
    | 'appRole'
    | 'redis'
    | 'dataDir'
    | 'jwtIssuers'
    | 'jwtClaims'
    | 'jwtAudience'
    | 'jwtMaxLifetime'
    | 'currency'
  > {
  jwtSecret: string | undefined
  jwksUrl: readonly string[] | undefined
  serverUrl: string
  serverToken: string | undefined
}

/** @throws ConfigError with a line for every invalid variable */
export function parseCommandConfig(
  env: Record<string, string | undefined> = process.env,
): CommandConfig {
  const vars = parseVariables(env)
  return {
    databaseUrl: vars.DATABASE_URL,
    tenantDatabases: vars.TENANT_DATABASES,
    appRole: vars.APP_ROLE,
    redis: redisTarget(vars),
    dataDir: vars.DATA_DIR,
    jwtIssuers: vars.JWT_ISSUER,
    jwtClaims: claimNames(vars),
    jwtAudience: vars.JWT_AUDIENCE,
    jwtMaxLifetime: vars.JWT_MAX_LIFETIME,
    currency: vars.CURRENCY,
    jwtSecret: vars.JWT_SECRET,
    jwksUrl: vars.JWT_JWKS_URL,
    serverUrl: vars.LIVEBALANCE_URL ?? `http://localhost:${vars.PORT}`,
    serverToken: vars.LIVEBALANCE_TOKEN,
  }
}
