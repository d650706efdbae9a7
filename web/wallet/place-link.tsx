import type { ComponentChildren } from 'preact'
import { addressOf, type Place, type Route } from './use-place.ts'

interface PlaceLinkProps {
  route: Route
  to: Partial<Place>
  children: ComponentChildren
  class?: string
  label?: string
}

/** A link to another section. It is a real one, so it can be opened in another tab. */
export function PlaceLink({ route, to, children, class: style, label }: PlaceLinkProps) {
  const place: Place = { view: 'overview', currency: route.currency, ...to }
  return (
    <a
      class={style}
      href={addressOf(place)}
      aria-label={label}
      aria-current={place.view === route.view ? 'page' : undefined}
      onClick={(event) => {
        const { button, metaKey, ctrlKey, shiftKey, altKey } = event
        if (button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return
        event.preventDefault()
        route.go(place)
      }}
    >
      {children}
    </a>
  )
}
