/** What an admin sets. */
export interface WebhookSettings {
  url: string
  description: string | null
  /** Names of events; null: all. */
  events: string[] | null
  /** Null: every user of the tenant. */
  userIds: string[] | null
}

/** An endpoint as admins see it. All times are ISO 8601. */
export interface WebhookEndpoint extends WebhookSettings {
  id: string
  paused: boolean
  /** `admin`, or `gone` if the receiver answered 410. */
  pausedReason: 'admin' | 'gone' | null
  /** The secret before the last rotation also signs until then. */
  previousSecretUntil: string | null
  createdBy: string
  createdAt: string
  updatedAt: string
}

/** How far an endpoint is behind. */
export interface WebhookBacklog {
  /** Users with events that were not sent, other than those set aside. */
  waitingUsers: number
  /** Users whose next event was tried in vain. */
  failingUsers: number
  /** Users whose events wait for a replay. */
  setAsideUsers: number
  /** Age of the oldest event that was not sent, of users that are not set aside. */
  lagSeconds: number
}

/** Of the whole installation. Users are counted up to 10,000. */
export interface WebhookTotals extends Omit<WebhookBacklog, 'failingUsers'> {
  pausedEndpoints: number
}

/** A user whose events fail or were set aside. */
export interface FailingUser {
  userId: string
  /** The endpoint has the events up to this one. */
  ackedSeq: number
  lastSeq: number
  attempts: number
  error: string | null
  failingSince: string
  /** Null for a user who waits for a replay. */
  nextAttemptAt: string | null
  setAsideAt: string | null
}

export interface WebhookAttempt {
  id: string
  userId: string
  /** One event, or several that were delivered one after another. */
  fromSeq: number
  toSeq: number
  delivered: boolean
  status: number | null
  error: string | null
  durationMs: number
  at: string
}

/** What became of some events of a user at an endpoint. */
export interface DeliveredTo {
  id: string
  url: string
  /** `done`: the endpoint is past them, or does not want them. */
  state: 'done' | 'waiting' | 'set_aside'
  attempts: WebhookAttempt[]
}
