import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { InferRequestType, InferResponseType } from 'hono/client'
import type { BalanceApi } from '../../client/api.ts'
import { parseJson, stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import { command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { Progress } from '../terminal.ts'

type Post = BalanceApi['transactions']['bulk']['$post']
type Body = InferRequestType<Post>['json']
type Asked = Body['commands'][number]
type Result = InferResponseType<Post, 200>['results'][number]

/** Of one request, as the server has them. */
const MAX_COMMANDS = 1_000
const MAX_BYTES = 5_000_000

export const bulkCommand = command({
  name: 'bulk',
  args: '<file>',
  summary: 'Run the commands of a file, such as payments, refunds and adjustments',
  details: `${SERVER_NOTE}
Payments and holds of users need the token of a service in LIVEBALANCE_TOKEN.
The file has one JSON object a line, as in \`commands\` of POST /transactions/bulk. \`-\` reads the standard input.
Commands beyond 1,000, or 5 MB, are further requests. Running the same file again moves no money twice: the idempotency
key of each request is made from its content, and --key. The exit code is 1 if a command was refused.`,
  options: {
    ...SERVER_OPTIONS,
    atomic: { type: 'boolean', description: 'All or none. Only for a file of one request.' },
    'dry-run': { type: 'boolean', description: 'Change nothing: print what each would do.' },
    key: {
      type: 'string',
      value: 'text',
      description: 'Another key runs the same file once more.',
    },
  },
  async run({ options, args, json, terminal, config }) {
    const commands = readCommands(args)
    const requests = inRequests(commands)
    if (options.atomic && requests.length > 1) {
      throw new UsageError(`--atomic takes one request: ${MAX_COMMANDS} commands, or 5 MB`)
    }
    const { transactions } = await serverApi(config, options)
    const progress = new Progress(terminal, 'Running')
    const results: Result[] = []
    for (const part of requests) {
      progress.show(results.length, commands.length)
      const body: Body = { commands: part, atomic: options.atomic === true }
      const answer = await take<{ results: Result[] }>(
        transactions.bulk.$post(
          { json: { ...body, dryRun: options['dry-run'] === true } },
          { headers: { 'Idempotency-Key': keyOf(results.length, body, options.key) } },
        ),
      )
      results.push(...answer.results)
    }
    progress.end()
    if (json) terminal.print(stringifyJson({ results }))
    else for (const [i, result] of results.entries()) terminal.print(line(i + 1, result))
    return results.every((result) => 'transaction' in result) ? 0 : 1
  },
})

function line(place: number, result: Result): string {
  if (!('transaction' in result)) {
    return printable(`${place}  refused: ${result.code} (${result.message})`)
  }
  const { id, userId, type, amount, currency, status } = result.transaction
  return printable(`${place}  ${id}  ${type} ${status}: ${amount} ${currency} of ${userId}`)
}

function readCommands([file, more]: readonly string[]): Asked[] {
  if (file === undefined)
    throw new UsageError('name a file of commands, or - for the standard input')
  if (more !== undefined) throw new UsageError(`one file at a time: ${more}`)
  const lines = contentOf(file).split('\n')
  const commands = lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    try {
      // The server checks the rest.
      return [parseJson(line) as Asked]
    } catch {
      throw new UsageError(`line ${i + 1} of ${file} is not JSON`)
    }
  })
  if (commands.length === 0) throw new UsageError(`${file} has no commands`)
  return commands
}

function contentOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${file} cannot be read: ${code === 'ENOENT' ? 'no such file' : code}`)
  }
}

/** As few requests as the limits of the server allow, always the same for the same file. */
function inRequests(commands: readonly Asked[]): Asked[][] {
  const requests: Asked[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const one of commands) {
    const size = Buffer.byteLength(stringifyJson(one)) + 1
    if (bytes + size > MAX_BYTES || requests.at(-1)?.length === MAX_COMMANDS) {
      requests.push([])
      bytes = 0
    }
    bytes += size
    requests.at(-1)?.push(one)
  }
  return requests
}

/** The place of the request in the file is a part of it: a file may repeat a command. */
function keyOf(place: number, body: Body, key = ''): string {
  return createHash('sha256')
    .update(stringifyJson([place, body, key]))
    .digest('base64url')
}
