import { useRef } from 'preact/hooks'
import { createIdempotencyKey } from '../../src/client/index.ts'

/** An Idempotency-Key that stays the same while what is asked for does, so that a second try is no second deed. */
export function useIdempotencyKey() {
  const last = useRef<{ body: string; key: string } | undefined>(undefined)
  return {
    for(body: object): string {
      const text = JSON.stringify(body)
      if (last.current?.body !== text) last.current = { body: text, key: createIdempotencyKey() }
      return last.current.key
    },
    /** It worked: the same again is meant to be done again. */
    used() {
      last.current = undefined
    },
  }
}
