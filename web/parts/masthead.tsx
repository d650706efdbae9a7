import type { ComponentChildren } from 'preact'
import icon from '../icon.svg'
import { Button } from './button.tsx'
import type { SessionKeeper } from './session.ts'
import { useStore } from './use-store.ts'

interface MastheadProps {
  place: string
  session: SessionKeeper
  children?: ComponentChildren
}

/** The top of a page: where one is, how it is connected, and who one is. */
export function Masthead({ place, session, children }: MastheadProps) {
  const who = useStore(session)
  return (
    <header class="masthead">
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to the content, as a link does */}
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The address stays: the console keeps its place there.
          event.preventDefault()
          document.getElementById('main')?.focus()
        }}
      >
        Skip to the content
      </a>
      <span class="brand">
        <img src={icon} alt="" width="30" height="30" />
        <span>Livebalance</span> <span class="place">{place}</span>
      </span>
      {children}
      <div class="who">
        <span class="name" title={who?.userId}>
          <span class="sr-only">Signed in as </span>
          {who?.userId}
        </span>
        <Button kind="quiet compact" onClick={() => session.signOut()}>
          Sign out
        </Button>
      </div>
    </header>
  )
}
