import type { ComponentChildren } from 'preact'
import { useStore } from '../hooks/use-store.ts'
import icon from '../icon.svg'
import { words } from '../lib/language.ts'
import type { SessionKeeper } from '../lib/session.ts'
import { Button } from './button.tsx'

interface MastheadProps {
  place: string
  session: SessionKeeper
  children?: ComponentChildren
}

/** The top of a page: its name, the connection, and the signed-in user. */
export function Masthead({ place, session, children }: MastheadProps) {
  const user = useStore(session)
  return (
    <header class="masthead">
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to the content, as a link does */}
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // Not a place of its own in the browser's history.
          event.preventDefault()
          document.getElementById('main')?.focus()
        }}
      >
        {words().shell.skip}
      </a>
      <span class="brand">
        <img src={icon} alt="" width="30" height="30" />
        <span>Livebalance</span> <span class="place">{place}</span>
      </span>
      {children}
      <div class="who">
        <span class="name" title={user?.userId}>
          <span class="sr-only">{words().shell.signedInAs} </span>
          <bdi>{user?.userId}</bdi>
        </span>
        <Button kind="quiet compact" onClick={() => void session.leave()}>
          {words().shell.signOut}
        </Button>
      </div>
    </header>
  )
}
