import type { LedgerEvent } from '../ledger/event.ts'
import type { PushTarget } from './push.ts'
import { isUrgent, kindOf } from './push-rules.ts'
import { isQuiet } from './quiet-hours.ts'

/** So many notifications may come within a minute. What follows them waits for its end, and is one. */
export const FEW = 3

const MINUTE_MS = 60_000

/** Events that a device is told of one after another, or in one summary. */
export interface Group {
  /** `night`: of the quiet hours. */
  kind: 'day' | 'night' | 'urgent'
  events: LedgerEvent[]
  /** The place of the first of them that waits for the end of its minute. */
  crowdedFrom: number
}

export const endOfMinute = (at: number): number => at - (at % MINUTE_MS) + MINUTE_MS

/**
 * Divides the events of a device that its user wants to hear of. What is urgent is told by itself, unless that too comes
 * in great number.
 */
export function groupsOf(
  { rules, quietHours, before }: Pick<PushTarget, 'rules' | 'quietHours' | 'before'>,
  events: readonly LedgerEvent[],
): Group[] {
  const groups: Group[] = []
  const times: Record<'urgent' | 'other', number[]> = { urgent: [], other: [] }
  /** Whether a few came within a minute before it. */
  const note = (event: LedgerEvent, of: 'urgent' | 'other') => {
    const at = Date.parse(event.timestamp)
    const third = times[of].at(-FEW)
    times[of].push(at)
    return third !== undefined && at - third < MINUTE_MS
  }
  const classOf = (event: LedgerEvent) => {
    const kind = kindOf(event, rules)
    return kind && (isUrgent(kind) ? 'urgent' : 'other')
  }
  for (const event of before) {
    const of = classOf(event)
    if (of) note(event, of)
  }
  for (const event of events) {
    const of = classOf(event)
    if (!of) continue
    const isNight = quietHours && isQuiet(quietHours, Date.parse(event.timestamp))
    const isCrowded = note(event, of)
    const kind = isNight ? 'night' : of === 'urgent' && !isCrowded ? 'urgent' : 'day'
    let group = groups.at(-1)
    if (group?.kind !== kind) {
      group = { kind, events: [], crowdedFrom: Number.POSITIVE_INFINITY }
      groups.push(group)
    }
    if (isCrowded) group.crowdedFrom = Math.min(group.crowdedFrom, group.events.length)
    group.events.push(event)
  }
  return groups
}

/** Whether one notification tells of all. */
export const isSummary = ({ kind, events, crowdedFrom }: Group): boolean =>
  kind === 'night' || (kind === 'day' && (events.length > FEW || crowdedFrom < events.length))
