import { randomUUID } from 'node:crypto'
import type { WebhookBacklog, WebhookEndpoint } from '../../deliveries/webhook.ts'
import { LEDGER_EVENTS, type LedgerEventName } from '../../ledger/event.ts'
import { stringifyJson } from '../../lib/json.ts'
import { type Call, command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { table } from '../terminal.ts'

type Options = Call<typeof SERVER_OPTIONS>

const apiOf = async ({ config, options }: Pick<Options, 'config' | 'options'>) =>
  (await serverApi(config, options)).admin.webhooks

/** The same key for every attempt of a call. */
const keyed = () => ({ headers: { 'Idempotency-Key': randomUUID() } })

const only = (args: readonly string[]): { id: string } => {
  const [id, more] = args
  if (id === undefined || more !== undefined) throw new UsageError('name one webhook by its id')
  return { id }
}

const list = (text: string | undefined) => text?.split(',').map((part) => part.trim())

/** Prints an answer as JSON, or as the text. */
function show(
  { json, terminal }: Pick<Options, 'json' | 'terminal'>,
  answer: object,
  text: string,
) {
  terminal.print(json ? stringifyJson(answer) : text)
}

export const listWebhooks = command({
  name: 'webhooks list',
  summary: 'List the webhooks of the tenant, and how far each is behind',
  details: SERVER_NOTE,
  options: SERVER_OPTIONS,
  async run(call) {
    const { items } = await take((await apiOf(call)).$get({ query: {} }))
    show(call, { items }, items.length === 0 ? 'There are none.' : tableOf(items))
    return 0
  },
})

export const showWebhook = command({
  name: 'webhooks show',
  args: '<id>',
  summary: 'Show one webhook, its settings and how far it is behind',
  details: SERVER_NOTE,
  options: SERVER_OPTIONS,
  async run(call) {
    const api = await apiOf(call)
    const item = await take(api[':id'].$get({ param: only(call.args), query: {} }))
    const { events, userIds, description } = item
    const settings = [
      `events: ${events?.join(', ') ?? 'all'}`,
      `users: ${userIds?.join(', ') ?? 'everyone of the tenant'}`,
      ...(description === null ? [] : [`description: ${description}`]),
    ]
    show(call, item, `${tableOf([item])}\n${settings.join('\n')}`)
    return 0
  },
})

function tableOf(items: readonly (WebhookEndpoint & WebhookBacklog)[]): string {
  const rows = items.map((item) => [
    item.id,
    item.pausedReason === null ? 'active' : `paused (${item.pausedReason})`,
    String(item.waitingUsers),
    String(item.failingUsers),
    String(item.setAsideUsers),
    `${Math.round(item.lagSeconds)} s`,
    item.url,
  ])
  const head = ['ID', 'STATE', 'WAITING', 'FAILING', 'SET ASIDE', 'LAG', 'URL']
  return table(head, rows, [2, 3, 4, 5])
}

/** A repeated answer has no secret. */
const secretOf = ({ secret }: { secret: string | null }) =>
  `secret: ${secret ?? 'the first answer, which was lost, had it; make a new one by webhooks rotate'}`

export const createWebhook = command({
  name: 'webhooks create',
  args: '<url>',
  summary: 'Send events to a URL; prints the secret, which is not shown again',
  details: SERVER_NOTE,
  options: {
    ...SERVER_OPTIONS,
    events: {
      type: 'string',
      value: 'names',
      description: `Separated by commas: ${LEDGER_EVENTS.join(', ')}. Default: all.`,
    },
    users: {
      type: 'string',
      value: 'ids',
      description: 'Separated by commas. Default: everyone of the tenant.',
    },
    description: { type: 'string', value: 'text', description: 'For people.' },
  },
  async run(call) {
    const { events, users, description } = call.options
    const [url, more] = call.args
    if (url === undefined || more !== undefined) throw new UsageError('name one URL')
    const names = list(events) as LedgerEventName[] | undefined
    const unknown = names?.find((name) => !LEDGER_EVENTS.includes(name))
    if (unknown !== undefined) throw new UsageError(`--events: there is no event ${unknown}`)
    const created = await take(
      (await apiOf(call)).$post(
        {
          json: {
            url,
            events: names ?? null,
            userIds: list(users) ?? null,
            description: description ?? null,
          },
        },
        keyed(),
      ),
    )
    show(call, created, `${created.id}\n${secretOf(created)}`)
    return 0
  },
})

export const testWebhook = command({
  name: 'webhooks test',
  args: '<id>',
  summary: 'Send a test delivery and show the answer; exit code 1 if it was refused',
  details: SERVER_NOTE,
  options: SERVER_OPTIONS,
  async run(call) {
    const api = await apiOf(call)
    const answer = await take(api[':id'].test.$post({ param: only(call.args), json: {} }, keyed()))
    const { delivered, status, error, durationMs, body } = answer
    const outcome = delivered ? `delivered: status ${status}` : `not delivered: ${error}`
    show(call, answer, `${outcome}, ${durationMs} ms${body === '' ? '' : `\n${body}`}`)
    return delivered ? 0 : 1
  },
})

export const rotateWebhook = command({
  name: 'webhooks rotate',
  args: '<id>',
  summary: 'Make a new secret; prints it, and it is not shown again',
  details: `${SERVER_NOTE}
During the overlap each delivery is signed with both secrets.`,
  options: {
    ...SERVER_OPTIONS,
    overlap: {
      type: 'string',
      value: 'seconds',
      description: 'How long the secret before stays valid. Default: a day.',
    },
  },
  async run(call) {
    const { overlap } = call.options
    if (overlap !== undefined && !/^\d{1,6}$/.test(overlap)) {
      throw new UsageError('--overlap is a number of seconds')
    }
    const api = await apiOf(call)
    const rotated = await take(
      api[':id'].rotate.$post(
        {
          param: only(call.args),
          json: overlap === undefined ? {} : { overlapSeconds: Number(overlap) },
        },
        keyed(),
      ),
    )
    const until = rotated.previousSecretUntil
    const note = until === null ? '' : `\nthe secret before is valid until ${until}`
    show(call, rotated, `${secretOf(rotated)}${note}`)
    return 0
  },
})

export const pauseWebhook = pausing(
  'pause',
  true,
  'Send nothing until it is resumed; nothing is lost',
)
export const resumeWebhook = pausing('resume', false, 'Send everything that waits, and go on')

function pausing(verb: 'pause' | 'resume', paused: boolean, summary: string) {
  return command({
    name: `webhooks ${verb}`,
    args: '<id>',
    summary,
    details: SERVER_NOTE,
    options: SERVER_OPTIONS,
    async run(call) {
      const api = await apiOf(call)
      const changed = await take(
        api[':id'].$patch({ param: only(call.args), json: { paused } }, keyed()),
      )
      show(call, changed, `${changed.id}  ${changed.paused ? 'paused' : 'active'}`)
      return 0
    },
  })
}

export const listDeliveries = command({
  name: 'webhooks deliveries',
  args: '<id>',
  summary: 'Show the last attempts, and the users whose events fail or were set aside',
  details: SERVER_NOTE,
  options: {
    ...SERVER_OPTIONS,
    failed: { type: 'boolean', description: 'Only attempts that failed.' },
    limit: { type: 'string', value: 'n', description: 'Attempts, at most 100. Default: 20.' },
  },
  async run(call) {
    const { failed, limit = '20' } = call.options
    if (!/^(100|[1-9]\d?)$/.test(limit)) throw new UsageError('--limit is a number from 1 to 100')
    const api = await apiOf(call)
    const answer = await take(
      api[':id'].deliveries.$get({
        param: only(call.args),
        query: { limit, ...(failed && { delivered: 'false' as const }) },
      }),
    )
    const attempts = answer.items.map((item) => [
      item.at,
      item.userId,
      item.fromSeq === item.toSeq ? String(item.toSeq) : `${item.fromSeq}-${item.toSeq}`,
      item.delivered ? 'delivered' : 'failed',
      item.error ?? String(item.status),
      `${item.durationMs} ms`,
    ])
    const failing = answer.failing.map((user) => [
      user.userId,
      String(user.ackedSeq),
      String(user.lastSeq),
      user.failingSince,
      user.setAsideAt === null ? (user.nextAttemptAt ?? '') : 'set aside',
      user.error ?? '',
    ])
    const parts = [
      attempts.length === 0
        ? 'There were no attempts.'
        : table(['TIME', 'USER', 'SEQ', 'OUTCOME', 'ANSWER', 'TOOK'], attempts, [2, 5]),
      ...(failing.length === 0
        ? []
        : [table(['USER', 'HAS', 'NEWEST', 'FAILING SINCE', 'NEXT', 'ERROR'], failing, [1, 2])]),
    ]
    show(call, answer, parts.join('\n\n'))
    return 0
  },
})

export const replayWebhook = command({
  name: 'webhooks replay',
  args: '<id>',
  summary: 'Send events again, or send those that were set aside',
  details: `${SERVER_NOTE}
Without --user, the events of everyone whose events were set aside. With --user alone, that user's events after the
last delivered one.`,
  options: {
    ...SERVER_OPTIONS,
    user: { type: 'string', value: 'id', description: 'Only events of this user.' },
    'after-seq': {
      type: 'string',
      value: 'n',
      description: 'Those after this seq, even if they were delivered.',
    },
    'after-id': { type: 'string', value: 'id', description: 'Those after the event with this id.' },
  },
  async run(call) {
    const { user, 'after-seq': afterSeq, 'after-id': afterId } = call.options
    if (afterSeq !== undefined && !/^\d{1,15}$/.test(afterSeq)) {
      throw new UsageError('--after-seq is a number')
    }
    const api = await apiOf(call)
    const answer = await take(
      api[':id'].replay.$post(
        {
          param: only(call.args),
          json: {
            ...(user !== undefined && { userId: user }),
            ...(afterSeq !== undefined && { afterSeq: Number(afterSeq) }),
            ...(afterId !== undefined && { afterId }),
          },
        },
        keyed(),
      ),
    )
    show(call, answer, `events of ${answer.users} users are sent`)
    return 0
  },
})

export const deleteWebhook = command({
  name: 'webhooks delete',
  args: '<id>',
  summary: 'Delete a webhook with its deliveries; events that wait are not sent',
  details: SERVER_NOTE,
  options: SERVER_OPTIONS,
  async run(call) {
    const api = await apiOf(call)
    const answer = await take(api[':id'].$delete({ param: only(call.args) }))
    show(call, answer, 'deleted')
    return 0
  },
})
