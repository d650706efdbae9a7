import { useState } from 'preact/hooks'
import { createIdempotencyKey } from '../../src/client/index.ts'
import type { Api } from '../lib/api.ts'
import { isRefusal, isUnknownOutcome } from '../lib/problem.ts'
import { type Action, useAction } from './use-action.ts'

interface Sent<Body> {
  body: Body
  key: string
}

/** A request that moves money and must happen once, however often it is sent. */
export interface Order<Body> extends Action<[body: Body]> {
  /** It was sent, and nobody knows whether it was done. `run` sends exactly this again until there is an answer. */
  unanswered: Body | undefined
}

/**
 * Sends a request with an Idempotency-Key. The key is kept for this tab until the answer is known: a reload, or a look
 * at another section, does not turn the next attempt into a second request.
 * @param name of what is ordered, and by whom
 * @param send sends it once, under this key
 */
export function useOrder<Body extends object, Answer>(
  name: string,
  send: (body: Body, key: string) => Promise<Answer>,
  done: (answer: Answer) => void,
): Order<Body> {
  const place = `livebalance.unanswered.${name}`
  const [sent, setSent] = useState(() => read<Body>(place))
  const action = useAction(async (body: Body) => {
    const attempt = sent ?? { body, key: createIdempotencyKey() }
    const forget = () => {
      sessionStorage.removeItem(place)
      setSent(undefined)
    }
    // Before it is sent: the page may be closed before the answer.
    sessionStorage.setItem(place, JSON.stringify(attempt))
    let answer: Answer
    try {
      answer = await send(attempt.body, attempt.key)
    } catch (problem) {
      // A session that has ended says nothing about the attempt before.
      const settled = isRefusal(problem) || (!sent && !isUnknownOutcome(problem))
      if (settled) forget()
      else setSent(attempt)
      throw problem
    }
    forget()
    done(answer)
  })
  return { ...action, unanswered: sent?.body }
}

/** @param path of a POST that answers with what it made */
export const posting =
  <Answer>(api: Api, path: string) =>
  (body: object, key: string) =>
    api.post<Answer>(path, body, key)

function read<Body>(place: string): Sent<Body> | undefined {
  const text = sessionStorage.getItem(place)
  return text === null ? undefined : (JSON.parse(text) as Sent<Body>)
}
