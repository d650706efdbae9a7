import { parseArgs } from 'node:util'
import type { CommandConfig } from './config.ts'
import type { Terminal } from './terminal.ts'

/** What was typed makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It cannot be done: exit code 1. `message` is for the operator, and `code` for programs. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** 0: fine. 1: something is wrong, or could not be done. */
export type ExitCode = 0 | 1

export interface Option {
  type: 'string' | 'boolean'
  /** What stands for the value in the help. */
  value?: string
  description: string
}

type Options = Readonly<Record<string, Option>>

type Values<O extends Options> = {
  [K in keyof O]: { boolean: boolean; string: string }[O[K]['type']] | undefined
}

export interface Call<O extends Options = Options> {
  options: Values<O>
  /** What stands beside the options. */
  args: string[]
  json: boolean
  terminal: Terminal
  config: CommandConfig
  /** Resolves at Ctrl-C, which otherwise ends the process. */
  interrupted(): Promise<void>
}

export interface Command {
  /** As it is typed, such as `topups approve`. */
  name: string
  summary: string
  /** The help's text on arguments, such as `<id>...`; without it the command takes none. */
  args?: string
  /** What it works on, and what else there is to know. */
  details: string
  options: Options
  run(call: Call): Promise<ExitCode>
}

/** Types the options of `run` by their definition. */
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
  help: { type: 'boolean', description: 'Print this.' },
}

/**
 * Takes a command's arguments apart.
 * @throws UsageError for what the command does not take
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
