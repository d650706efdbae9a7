import { COMMON, type Command, type Option } from './command.ts'

const EXIT_CODES = 'Exit codes: 0 fine, 1 something is wrong or could not be done, 2 wrong usage.'

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `Usage: livebalance <command> [options]

${lines.join('\n')}

\`livebalance <command> --help\` tells more. All take --json. Settings come from the same environment
variables as the server's. ${EXIT_CODES}`
}

export function help(command: Command): string {
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
