import { useEffect, useState } from 'preact/hooks'

export interface Store<T> {
  getSnapshot(): T
  subscribe(watcher: () => void): () => void
}

/** The store's current value. The component renders again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.getSnapshot)
  useEffect(() => {
    const read = () => setValue(() => store.getSnapshot())
    read()
    return store.subscribe(read)
  }, [store])
  return value
}
