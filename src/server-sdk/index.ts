export { createIdempotencyKey } from '../client/idempotency-key.ts'
export type { GetToken, LedgerEvents, RetryBounds } from '../client/types.ts'
export {
  type BalanceQuery,
  type CurrentBalance,
  createServiceClient,
  type List,
  type PastBalance,
  type ServiceClient,
} from './client.ts'
export { LivebalanceError, type LivebalanceErrorCode } from './errors.ts'
export type { EventPage, InputOf, OutputOf, RouteName, Transaction } from './routes.ts'
export type { CallOptions, ServiceClientOptions } from './send.ts'
export type { ServiceEvent, StreamOptions } from './stream.ts'
export {
  type EventsSkipped,
  placeOf,
  verifyWebhook,
  type WebhookErrorReason,
  type WebhookEvent,
  type WebhookHeaders,
  type WebhookOptions,
  WebhookVerificationError,
} from './webhook.ts'
