import pkg from '../../package.json' with { type: 'json' }
import { ConfigError } from '../config/config.ts'
import { startFailure } from '../local/errors.ts'
import {
  COMMON,
  type Command,
  CommandFailed,
  type Option,
  parse,
  parseCommandConfig,
  UsageError,
} from './command.ts'
import { analyticsCommand, rebuildAnalytics } from './commands/analytics.ts'
import { auditCommand } from './commands/audit.ts'
import { bulkCommand } from './commands/bulk.ts'
import { deedsCommand } from './commands/deeds.ts'
import { renewEpoch, showEpoch } from './commands/epoch.ts'
import { freezeCommand, unfreezeCommand } from './commands/freeze.ts'
import { createKey, listKeys, revokeKey, rotateKey } from './commands/keys.ts'
import { migrateCommand } from './commands/migrate.ts'
import { moveTenantCommand } from './commands/move-tenant.ts'
import { recalculateCommand } from './commands/recalculate.ts'
import { tailCommand } from './commands/tail.ts'
import {
  createTenant,
  listTenants,
  resumeTenant,
  setTenant,
  suspendTenant,
  tenantUsage,
} from './commands/tenants.ts'
import { tokenCommand } from './commands/token.ts'
import { approveTopups, listTopups, rejectTopups } from './commands/topups.ts'
import { vapidCommand } from './commands/vapid.ts'
import {
  createWebhook,
  deleteWebhook,
  listDeliveries,
  listWebhooks,
  pauseWebhook,
  replayWebhook,
  resumeWebhook,
  rotateWebhook,
  showWebhook,
  testWebhook,
} from './commands/webhooks.ts'
import { harmless, type Terminal } from './terminal.ts'

const COMMANDS: readonly Command[] = [
  migrateCommand,
  auditCommand,
  recalculateCommand,
  rebuildAnalytics,
  analyticsCommand,
  listTopups,
  approveTopups,
  rejectTopups,
  bulkCommand,
  freezeCommand,
  unfreezeCommand,
  deedsCommand,
  listWebhooks,
  showWebhook,
  createWebhook,
  testWebhook,
  rotateWebhook,
  pauseWebhook,
  resumeWebhook,
  listDeliveries,
  replayWebhook,
  deleteWebhook,
  listTenants,
  createTenant,
  setTenant,
  suspendTenant,
  resumeTenant,
  tenantUsage,
  moveTenantCommand,
  listKeys,
  createKey,
  rotateKey,
  revokeKey,
  tokenCommand,
  tailCommand,
  vapidCommand,
  showEpoch,
  renewEpoch,
]

/** The surroundings of a command, replaced in tests. */
export interface Runtime {
  terminal: Terminal
  /** Default: the environment of the process. */
  env?: Record<string, string | undefined>
  /** Resolves at Ctrl-C. If it is never called, Ctrl-C ends the process. */
  interrupted(): Promise<void>
}

/** Runs the command in `argv` and reports a failure. Resolves to the exit code. */
export async function livebalance(argv: string[], runtime: Runtime): Promise<number> {
  const terminal = harmless(runtime.terminal)
  try {
    return await run(argv, { ...runtime, terminal })
  } catch (error) {
    return reportFailure(error, argv.includes('--json'), terminal)
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

/** Prints the reason, as JSON if JSON was asked for, and returns the exit code. */
function reportFailure(error: unknown, json: boolean, terminal: Terminal): number {
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

const EXIT_CODES = 'Exit codes: 0 fine, 1 something is wrong or could not be done, 2 wrong usage.'

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `Usage: livebalance <command> [options]

${lines.join('\n')}

\`livebalance <command> --help\` tells more. All take --json. Settings come from the same environment
variables as the server's. ${EXIT_CODES}`
}

function help(command: Command): string {
  const { name, summary, args, details, options } = command
  const all: Record<string, Option> = { ...options, ...COMMON }
  const flags = Object.entries(all).map(
    ([flag, { value }]) => `--${flag}${value === undefined ? '' : ` <${value}>`}`,
  )
  const width = Math.max(...flags.map(({ length }) => length))
  const lines = Object.values(all).map(
    ({ description }, i) => `  ${flags[i]?.padEnd(width)}  ${description}`,
  )
  return `Usage: livebalance ${[name, args, '[options]'].filter(Boolean).join(' ')}

${summary}

${details}

${lines.join('\n')}

${EXIT_CODES}`
}
