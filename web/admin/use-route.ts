import { useEffect, useState } from 'preact/hooks'

/** Where one is in the console, as the address says after its `#/`: `['users', 'alice']`. */
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

/** An address that somebody cut or typed may not be decodable: then it is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const hrefOf = (...place: string[]): string =>
  `#/${place.map((part) => encodeURIComponent(part)).join('/')}`
