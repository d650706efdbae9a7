import { type ComponentChild, render } from 'preact'
import { useErrorBoundary } from 'preact/hooks'
import { useLoaded } from '../hooks/use-loaded.ts'
import { useStore } from '../hooks/use-store.ts'
import { type Api, createApi } from '../lib/api.ts'
import { languageStore, words } from '../lib/language.ts'
import { Problem } from '../lib/problem.ts'
import { isReturn, type Role, SessionContext, SessionKeeper } from '../lib/session.ts'
import { guardClicks } from './click-guard.ts'
import { lazy } from './lazy.tsx'
import { Failure, Loading } from './states.tsx'

/** The properties of a page for a signed-in user. */
export interface PageProps {
  session: SessionKeeper
  api: Api
  userId: string
  /** The server's default currency. A tenant can have another one. */
  currency: string
  /** The amounts above which an approval needs confirmation, by currency; `*` for all others. */
  confirmAbove: Readonly<Record<string, number>>
}

interface Server extends Pick<PageProps, 'currency' | 'confirmAbove'> {
  demo: boolean
  /** The identity provider that people sign in with. `only`: there is no other way. */
  provider?: { name: string; only: boolean }
}

/** A signed-in user's page is there sooner without it. */
const SignIn = lazy(async () => (await import('./sign-in.tsx')).SignIn)

/** Shows the sign-in, and then the page. */
export function start(role: Role, page: (props: PageProps) => ComponentChild): void {
  const session = new SessionKeeper(role)
  const api = createApi(session)

  function App() {
    const user = useStore(session)
    // Another language renders the whole page again.
    useStore(languageStore)
    const server = useLoaded(askServer, [])
    const [error, recover] = useErrorBoundary()
    if (error !== undefined) {
      return (
        <main class="sign-in">
          <Failure problem={new Problem(0, 'internal', '')} retry={recover} />
        </main>
      )
    }
    if (server.problem !== undefined) {
      return (
        <main class="sign-in">
          <Failure problem={server.problem} retry={server.reload} />
        </main>
      )
    }
    if (!server.value) {
      return (
        <div class="page opening">
          <Loading what={words().common.opening} lines={6} />
        </div>
      )
    }
    const { demo, provider, ...settings } = server.value
    if (!user || (provider && isReturn(role))) {
      return <SignIn role={role} session={session} demo={demo} provider={provider} />
    }
    return page({ session, api, userId: user.userId, ...settings })
  }

  const root = document.getElementById('app')
  if (!root) return
  guardClicks(root)
  // Removes the placeholder of the HTML page.
  root.replaceChildren()
  render(
    <SessionContext.Provider value={session}>
      <App />
    </SessionContext.Provider>,
    root,
  )
}

async function askServer(): Promise<Server> {
  const response = await fetch('/session.json').catch(() => null)
  if (!response?.ok) throw new Problem(0, 'unreachable', '')
  return (await response.json()) as Server
}
