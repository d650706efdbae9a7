import pkg from '../../package.json' with { type: 'json' }
import { ConfigError } from '../config/environment.ts'
import { startFailure } from '../local/errors.ts'
import { type Command, CommandFailed, parse, UsageError } from './command.ts'
import { auditCommand } from './commands/audit.ts'
import { renewEpoch, showEpoch } from './commands/epoch.ts'
import { migrateCommand } from './commands/migrate.ts'
import { recalculateCommand } from './commands/recalculate.ts'
import { tailCommand } from './commands/tail.ts'
import { tokenCommand } from './commands/token.ts'
import { approveTopups, listTopups, rejectTopups } from './commands/topups.ts'
import { parseCommandConfig } from './config.ts'
import { help, overview } from './help.ts'
import { harmless, type Terminal } from './terminal.ts'

const COMMANDS: readonly Command[] = [
  migrateCommand,
  auditCommand,
  recalculateCommand,
  listTopups,
  approveTopups,
  rejectTopups,
  tokenCommand,
  tailCommand,
  showEpoch,
  renewEpoch,
]

/** What a command is given by whoever runs it. */
export interface Runtime {
  terminal: Terminal
  /** Default: the process's. */
  env?: Record<string, string | undefined>
  /** Resolves at Ctrl-C, which otherwise ends the process. */
  interrupted(): Promise<void>
}

/** Does what was typed after `livebalance`, and says what went wrong. Resolves with the exit code. */
export async function livebalance(argv: string[], currentRuntime: Runtime): Promise<number> {
  const terminal = harmless(currentRuntime.terminal)
  try {
    return await run(argv, { ...currentRuntime, terminal })
  } catch (error) {
    return complain(error, argv.includes('--json'), terminal)
  }
}

async function run(argv: string[], { terminal, env, interrupted }: Runtime): Promise<number> {
  const [first, second] = argv
  if (first === undefined) throw new UsageError(overview(COMMANDS))
  if (first === '--help' || first === 'help') return say(terminal, overview(COMMANDS))
  if (first === '--version') return say(terminal, pkg.version)
  const command = COMMANDS.find(({ name }) => [first, `${first} ${second}`].includes(name))
  if (!command) {
    const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
    if (group.length === 0) throw new UsageError(`there is no command ${first}: see --help`)
    if (second === '--help') return say(terminal, overview(group))
    throw new UsageError(`say which: ${group.map(({ name }) => `\`${name}\``).join(', ')}`)
  }
  const call = parse(command, argv.slice(command.name.split(' ').length))
  if (call.help) return say(terminal, help(command))
  return command.run({ ...call, terminal, config: parseCommandConfig(env), interrupted })
}

function say(terminal: Terminal, text: string): number {
  terminal.print(text)
  return 0
}

/** Says why, in JSON where JSON was asked for, and gives the exit code. */
function complain(error: unknown, json: boolean, terminal: Terminal): number {
  const usage = error instanceof UsageError
  const message = usage || error instanceof CommandFailed ? error.message : startFailure(error)
  if (message === null) {
    console.error(error)
    return 1
  }
  const code = usage
    ? 'usage'
    : error instanceof CommandFailed
      ? error.code
      : error instanceof ConfigError
        ? 'configuration'
        : 'unavailable'
  if (json) terminal.note(JSON.stringify({ error: { code, message } }))
  else terminal.note(message.startsWith('Usage:') ? message : `livebalance: ${message}`)
  return usage ? 2 : 1
}
