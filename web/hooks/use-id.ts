import { useState } from 'preact/hooks'

let ids = 0

/**
 * An id that no other element of the page has. Preact's own `useId` counts from 0 again whenever its root was drawn
 * anew, so parts that are loaded later would share ids with others.
 */
export function useId(): string {
  const [id] = useState(() => `id-${++ids}`)
  return id
}
