import { useEffect, useState } from 'preact/hooks'
import { address, hrefOf, useAddress } from './address.ts'

/** The search of the masthead. */
export function SearchBox() {
  const { query, parts } = useAddress()
  const asked = parts[0] === 'search' ? (query.get('q') ?? '') : ''
  const [text, setText] = useState(asked)
  useEffect(() => setText(asked), [asked])
  return (
    <search class="search-box">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const q = text.trim()
          if (q !== '') address.go(`${hrefOf('search')}?${new URLSearchParams({ q })}`)
        }}
      >
        <input
          class="input compact"
          type="search"
          aria-label="Search transactions and users"
          placeholder="Search"
          maxLength={255}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </form>
    </search>
  )
}
