import * as z from 'zod'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import { SENT } from './events.ts'

const seq = z.int()
const userId = z.string()

const events = LEDGER_EVENTS.map((name) =>
  SENT[name].extend({ event: z.literal(name), userId }),
) as unknown as [z.ZodObject, z.ZodObject]

/** The body of a delivery to a webhook. The fields of `data` are at the top too. */
export const webhookDelivery = z
  .looseObject({
    type: z.enum([...LEDGER_EVENTS, 'events_skipped', 'webhook_test']),
    timestamp: z.iso.datetime({ offset: true }),
    data: z
      .union([
        ...events,
        z
          .object({
            event: z.literal('events_skipped'),
            ...{ userId, fromSeq: seq, toSeq: seq, id: z.string() },
            timestamp: z.iso.datetime({ offset: true }),
          })
          .meta({ description: 'These events were deleted before they could be sent.' }),
        z.object({ endpointId: z.uuid() }).meta({ description: 'Of a `webhook_test`.' }),
      ])
      .meta({ description: 'The event as it is on screen. Its fields are at the top too.' }),
  })
  .meta({ id: 'WebhookDelivery' })

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
})

/** The `webhooks` of the OpenAPI document: the request that a receiver gets. */
export const webhookRequests = (schema: unknown) => ({
  delivery: {
    post: {
      operationId: 'receiveDelivery',
      summary: 'An event, sent to the URL of a webhook',
      description:
        'In the form of the Standard Webhooks specification. Each user’s events arrive in order of `seq`, at least once. Verify the signature first.',
      security: [],
      parameters: [
        header('webhook-id', 'The same for each repeat of a delivery.'),
        header('webhook-timestamp', 'Seconds since 1970, of this attempt.'),
        header('webhook-signature', 'One or two of `v1,` and base64, separated by a space.'),
      ],
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: {
        '2XX': {
          description: 'Accepted. A receiver can say which of the user’s events it has.',
          headers: {
            'Livebalance-Have-Seq': {
              description:
                'The `id` of the last event that the receiver has, or its `seq` alone. The next delivery is the event after this one. An `id` of another epoch says nothing.',
              schema: { type: 'string', pattern: '^(.+:)?\\d+$' },
            },
          },
        },
        410: { description: 'Nothing more is wanted: the webhook is paused.' },
        default: { description: 'Refused: it is sent again, for three days.' },
      },
    },
  },
})
