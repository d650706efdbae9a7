import { useEffect, useMemo, useRef } from 'preact/hooks'
import { Masthead } from '../components/masthead.tsx'
import type { PageProps } from '../components/start.tsx'
import { Empty, Failure } from '../components/states.tsx'
import { ToastRegion, Toasts } from '../components/toasts.tsx'
import { type Loaded, useLoaded } from '../hooks/use-loaded.ts'
import { useStore } from '../hooks/use-store.ts'
import { ActingBar } from './acting.tsx'
import { address, followLinks, hrefOf, useAddress } from './address.ts'
import { AdminFeed, FeedContext } from './feed.ts'
import { freezeToast } from './frozen.ts'
import { Navigation } from './navigation.tsx'
import { useWaitingRequests } from './request-queue.ts'
import { ScreenView } from './screen-view.tsx'
import { type ConsoleRole, findScreen, type Screen, screensFor } from './screens.ts'
import { SearchBox } from './search-box.tsx'

/** The roles of the person until the server has said them. Most are admins. */
const PRESUMED: readonly ConsoleRole[] = ['admin']

interface Me {
  roles: ConsoleRole[]
  /** The tenant's. */
  currency: string
}

/** The console for a signed-in person. */
export function Console(props: PageProps) {
  const { api, session } = props
  const me = useLoaded((signal) => api.get<Me>('/admin/session', {}, signal), [api])
  const isAdmin = (me.value?.roles ?? PRESUMED).includes('admin')
  const [toasts, feed] = useMemo(() => {
    const toasts = new Toasts()
    return [toasts, new AdminFeed(session, (event) => toasts.show(freezeToast(event)))] as const
  }, [session])
  useEffect(() => (isAdmin ? feed.start() : undefined), [feed, isAdmin])
  return (
    <FeedContext.Provider value={feed}>
      <Shell {...props} me={me} />
      <ToastRegion toasts={toasts} />
    </FeedContext.Provider>
  )
}

/** The navigation, and the screen of the address. */
function Shell({ me, ...props }: PageProps & { me: Loaded<Me> }) {
  const { api, session } = props
  const roles = me.value?.roles ?? PRESUMED
  const currency = me.value?.currency ?? props.currency
  const screens = screensFor(roles)
  const { parts } = useAddress()
  const found = findScreen(screens, parts)
  // An operator's first screen is another one than an admin's.
  const isKnown = me.value !== undefined || me.problem !== undefined
  const home = isKnown ? screens.find(({ group }) => group) : undefined
  const isHome = parts.length === 0
  useEffect(() => {
    if (isHome && home) address.go(hrefOf(...home.path.split('/')), 'replace')
  }, [isHome, home])

  const waiting = useWaitingRequests(api, roles.includes('admin'))
  const acting = useStore(session)?.acting
  useTitle(found?.screen.title, waiting, acting?.name)

  const page = useRef<HTMLDivElement>(null)
  useEffect(() => (page.current ? followLinks(page.current) : undefined), [])
  const main = useRef<HTMLElement>(null)
  const path = parts.join('/')
  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is another page
  useEffect(() => main.current?.focus({ preventScroll: true }), [path])

  return (
    <div class="page console" ref={page}>
      <Masthead place="Console" session={session}>
        {roles.includes('admin') && <SearchBox />}
      </Masthead>
      {acting && <ActingBar key={acting.tenant} session={session} />}
      <Navigation screens={screens} current={found?.screen} waiting={{ requests: waiting }} />
      <main id="main" tabIndex={-1} ref={main}>
        {me.problem !== undefined && <Failure aside problem={me.problem} retry={me.reload} />}
        {found && (
          // What was begun in another currency is not finished in this one.
          <ScreenView
            key={`${keyOf(found.screen, parts)} ${currency}`}
            {...props}
            {...found}
            {...{ roles, currency }}
          />
        )}
        {!found && !isHome && isKnown && <NoScreen />}
      </main>
    </div>
  )
}

/** Another user is another screen, but a filter is not. */
const keyOf = ({ path }: Screen, parts: readonly string[]) =>
  path.includes(':') ? parts.join('/') : path

function useTitle(screen: string | undefined, waiting: number, tenant: string | undefined): void {
  useEffect(() => {
    const place = [screen, tenant, 'Console', 'Livebalance'].filter(Boolean).join(' · ')
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${place}`
  }, [screen, waiting, tenant])
}

function NoScreen() {
  return (
    <div class="card">
      <Empty title="There is no such page">
        The address may be wrong, or your role does not show this page.{' '}
        <a href="/admin">To the first page</a>
      </Empty>
    </div>
  )
}
