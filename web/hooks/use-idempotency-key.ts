import { useRef } from 'preact/hooks'
import { createIdempotencyKey } from '../../src/client/index.ts'

/** Gives a repeated request the same Idempotency-Key while its body is the same, so that it happens once. */
export function useIdempotencyKey() {
  const last = useRef<{ body: string; key: string } | undefined>(undefined)
  return {
    for(body: object): string {
      const text = JSON.stringify(body)
      if (last.current?.body !== text) last.current = { body: text, key: createIdempotencyKey() }
      return last.current.key
    },
    /** The request succeeded: the same body is a new request from now on. */
    used() {
      last.current = undefined
    },
  }
}
