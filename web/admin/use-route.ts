import { useEffect, useState } from 'preact/hooks'

/** The current route, from the URL after its `#/`: `['users', 'alice']`. */
export function useRoute(): readonly string[] {
  const [place, setPlace] = useState(read)
  useEffect(() => {
    const changed = () => setPlace(read())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return place
}

function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded)
}

/** A URL that was cut or typed by hand may not be decodable. It is then used as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const hrefOf = (...place: string[]): string =>
  `#/${place.map((part) => encodeURIComponent(part)).join('/')}`
