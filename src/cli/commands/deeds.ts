import type { InferResponseType } from 'hono/client'
import type { BalanceApi } from '../../client/api.ts'
import { DEEDS, type DeedName } from '../../ledger/deed.ts'
import { stringifyJson } from '../../lib/json.ts'
import { CommandFailed, command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { type Terminal, table } from '../terminal.ts'

type Page = InferResponseType<BalanceApi['admin']['deeds']['$get'], 200>
type Deed = Page['items'][number]

const FORMATS = ['csv', 'ndjson'] as const

export const deedsCommand = command({
  name: 'deeds',
  summary: 'The audit log: what admins, services and operators did',
  details: `${SERVER_NOTE}
Lists the newest first. With --export it prints the whole log, oldest first, with the hashes that prove it.`,
  options: {
    ...SERVER_OPTIONS,
    actor: { type: 'string', value: 'id', description: 'Only what this one did.' },
    deed: { type: 'string', value: 'name', description: 'Only this deed, such as refund.' },
    target: {
      type: 'string',
      value: 'id',
      description: 'Only what concerns this user, transaction, webhook or revocation.',
    },
    refused: { type: 'boolean', description: 'Only what was refused.' },
    from: { type: 'string', value: 'time', description: 'Of this time and later. ISO 8601.' },
    to: { type: 'string', value: 'time', description: 'Before this time.' },
    limit: { type: 'string', value: 'n', description: 'The most to list. Default: 50.' },
    export: { type: 'string', value: 'format', description: 'csv or ndjson: print all of them.' },
  },
  async run({ options, json, terminal, config }) {
    const { actor, deed, target, refused, from, to, limit = '50', export: format } = options
    if (deed !== undefined && !isOneOf(DEEDS, deed)) {
      throw new UsageError(`--deed is one of ${DEEDS.join(', ')}`)
    }
    if (!/^[1-9]\d{0,5}$/.test(limit)) throw new UsageError('--limit is a number from 1 to 999999')
    if (format !== undefined && !isOneOf(FORMATS, format)) {
      throw new UsageError('--export is csv or ndjson')
    }
    const filter = {
      ...(actor !== undefined && { actor }),
      ...(deed !== undefined && { deed: deed as DeedName }),
      ...(target !== undefined && { target }),
      ...(refused && { result: 'refused' as const }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    }
    const api = await serverApi(config, options)
    if (format !== undefined) {
      await printFile(terminal, api.admin.deeds.export.$get({ query: { ...filter, format } }))
      return 0
    }
    const items = await list(api, Number(limit), filter)
    terminal.print(json ? stringifyJson({ items }) : rows(items))
    return 0
  },
})

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T =>
  (names as readonly string[]).includes(name)

async function list(
  api: BalanceApi,
  limit: number,
  filter: Record<string, string>,
): Promise<Deed[]> {
  const items: Deed[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = {
      ...filter,
      limit: String(Math.min(100, limit - items.length)),
      ...(cursor !== undefined && { cursor }),
    }
    const page: Page = await take<Page>(api.admin.deeds.$get({ query }))
    items.push(...page.items)
    cursor = items.length < limit ? page.nextCursor : null
  }
  return items
}

/** Prints the lines of a file while it arrives. */
async function printFile(
  terminal: Terminal,
  response: Promise<{
    ok: boolean
    body: ReadableStream<Uint8Array> | null
    text(): Promise<string>
  }>,
): Promise<void> {
  const answer = await response
  if (!answer.ok || !answer.body) {
    await take(Promise.resolve(answer as never))
    throw new CommandFailed('unexpected_answer', 'the server sent no file')
  }
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
    rest = lines.pop() ?? ''
    if (lines.length > 0) terminal.print(lines.join('\n'))
  }
  if (rest !== '') terminal.print(rest)
}

function rows(items: readonly Deed[]): string {
  if (items.length === 0) return 'There are none.'
  return table(
    ['AT', 'WHO', 'DEED', 'RESULT', 'USER', 'TARGET', 'REQUEST'],
    items.map((item) => [
      item.at,
      item.actor,
      item.deed,
      item.result,
      item.userId ?? '',
      item.target ?? '',
      item.requestId ?? '',
    ]),
  )
}
