import type { ComponentChildren } from 'preact'
import { useStore } from '../hooks/use-store.ts'
import icon from '../icon.svg'
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
          // The URL must not change, because it holds the console's route.
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
        <span class="name" title={user?.userId}>
          <span class="sr-only">Signed in as </span>
          <bdi>{user?.userId}</bdi>
        </span>
        <Button kind="quiet compact" onClick={() => session.signOut()}>
          Sign out
        </Button>
      </div>
    </header>
  )
}
