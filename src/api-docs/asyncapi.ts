import * as z from 'zod'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import {
  ANSWERS,
  EXAMPLES,
  RECEIVED,
  SENT,
  SENT_TO_ADMINS,
  SENT_TO_SERVICES,
  updateMessage,
} from './events.ts'

type Json = Record<string, unknown>

const ref = (path: string) => ({ $ref: `#/${path}` })

/** The AsyncAPI 3 document of the three transports and the Redis channel. */
export function asyncApi(version: string): Json {
  const sent = Object.keys(SENT)
  const received = Object.keys(RECEIVED)
  const services = Object.keys(SENT_TO_SERVICES)
  const admins = Object.keys(SENT_TO_ADMINS)
  const both = [...sent, ...received]
  const streamed = sent.filter((name) => !ANSWERS.includes(name))
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Livebalance, real time',
      version,
      description:
        'A user’s events, of every currency, are the same on every transport. To resume, connect with the `id` of the last event seen as `lastEventId`. A connection has one currency, given as `currency`, for `balance_initial` and `balance_current`. With `maxRate` (0.1 to 1000) it gets at most so many `balance_updated` a second; several changes become one frame with `fromSeq`, `toSeq`, `count` and `sum`. `transactions=each` keeps the transaction events out of such frames. Times are UTC with six decimals. A client may send 20 messages a second, of 16 KiB each.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      socketio: {
        host: 'localhost:3000',
        pathname: '/socket.io/',
        protocol: 'socket.io',
        description:
          'Namespace `/balance`. The token, or a ticket, is `auth.token`, `?token=` or the Authorization header. `lastEventId`, `currency`, `maxRate` and `transactions` are read from `auth`, then from the query. A refused client gets `connect_error` with the code in `data.code`. An acknowledgement callback also gets the answer.',
        security: [ref('components/securitySchemes/bearer')],
      },
      websocket: {
        host: 'localhost:3000',
        protocol: 'ws',
        description:
          'JSON text frames: the payload, with the event’s name as `event`. The token, or a ticket, is `?token=` or the Authorization header. `?lastEventId=` resumes; `?currency=` names the currency; `?maxRate=` limits the balance frames.',
        security: [ref('components/securitySchemes/bearer')],
      },
      sse: {
        host: 'localhost:3000',
        protocol: 'sse',
        description:
          '`event:` is the name, `id:` the event’s id, `data:` the payload. The token, or a ticket, is `?token=` or the Authorization header. `Last-Event-ID`, or `?lastEventId=`, resumes; `?currency=` names the currency; `?maxRate=` limits the balance frames.',
        security: [ref('components/securitySchemes/bearer')],
      },
      redis: {
        host: 'localhost:6379',
        protocol: 'redis',
        description: 'Carries events between the processes of the server.',
      },
    },
    channels: {
      balance: {
        address: '/balance',
        servers: [ref('servers/socketio'), ref('servers/websocket')],
        messages: messageRefs(both),
      },
      stream: {
        address: '/balance/stream',
        servers: [ref('servers/sse')],
        messages: messageRefs(streamed),
      },
      service: {
        address: '/service/stream',
        description:
          'For tokens with the role `service`: what happens to the holds that its user opened for others. The stream is complete by state. A new connection, and each one after a failure of Redis, gets the holds from Postgres. The events have no `id:` line; `id` and `seq` are those of the user’s own stream.',
        servers: [ref('servers/sse')],
        messages: messageRefs(services),
      },
      admin: {
        address: '/admin/stream',
        description:
          'For tokens with the role `admin`: the events of all users of the tenant, each with `userId`, and notices of what waits for a decision. `?events=` and `?type=` list the events and the types of transactions, `?userId=` names one user. The events have no `id:` line, because a tenant has no common order: `id` and `seq` are those of the user’s own stream. After each `admin_state`, read again what you show.',
        servers: [ref('servers/sse')],
        messages: messageRefs([...admins, ...LEDGER_EVENTS]),
      },
      updates: {
        address: 'balance:updates',
        servers: [ref('servers/redis')],
        messages: { update: ref('components/messages/update') },
      },
    },
    operations: {
      sendEvents: operation('send', 'balance', sent),
      receiveRequests: operation('receive', 'balance', received),
      streamEvents: operation('send', 'stream', streamed),
      streamToServices: operation('send', 'service', services),
      streamToAdmins: operation('send', 'admin', [...admins, ...LEDGER_EVENTS]),
      publishUpdates: operation('send', 'updates', ['update']),
      hearUpdates: operation('receive', 'updates', ['update']),
    },
    components: {
      messages: Object.fromEntries(
        Object.entries({
          ...SENT,
          ...SENT_TO_SERVICES,
          ...SENT_TO_ADMINS,
          ...RECEIVED,
          update: updateMessage,
        }).map(([name, schema]) => [name, message(name, schema)]),
      ),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
    },
  }
}

const messageRefs = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)]))

const operation = (action: 'send' | 'receive', channel: string, messages: readonly string[]) => ({
  action,
  channel: ref(`channels/${channel}`),
  messages: messages.map((name) => ref(`channels/${channel}/messages/${name}`)),
})

function message(name: string, schema: z.ZodType): Json {
  const {
    $schema: _,
    description,
    title,
    ...payload
  } = z.toJSONSchema(schema, {
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format) delete jsonSchema.pattern
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  return {
    // The same event has other fields for a service.
    name: title ?? name,
    ...(description !== undefined && { summary: description }),
    payload,
    examples: [{ payload: EXAMPLES[name as keyof typeof EXAMPLES] }],
  }
}
