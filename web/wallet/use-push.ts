import { useEffect, useState } from 'preact/hooks'
import { createIdempotencyKey } from '../../src/client/idempotency-key.ts'
import { useAction } from '../hooks/use-action.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { languageStore, words } from '../lib/language.ts'
import type { SessionKeeper } from '../lib/session.ts'
import {
  browserName,
  currentSubscription,
  keepDevice,
  obstacle,
  ownDevice,
  subscribe,
} from './push-subscription.ts'

export interface Threshold {
  currency: string
  amount: number
}

export interface PushRules {
  changes: { on: boolean; atLeast: Threshold[] }
  lowBalance: { on: boolean; below: Threshold[] }
  paymentFailed: { on: boolean }
  topups: { on: boolean }
}

export interface QuietHours {
  from: string
  to: string
  timeZone: string
}

export interface Device {
  id: string
  label: string | null
  figures: boolean
  createdAt: string
}

/** The answer of `GET /balance/push`. */
export interface PushState {
  publicKey: string | null
  items: Device[]
  rules: PushRules
  quietHours: QuietHours | null
}

/** Shorter than the time for which the server believes that the page is visible. */
const SEEN_EVERY_MS = 40_000

/** The notifications of the user and of this browser. */
export function usePush(api: Api, session: SessionKeeper) {
  const state = useLoaded((signal) => api.get<PushState>('/balance/push', {}, signal), [api])
  const { reload } = state
  const userId = session.getSnapshot()?.userId ?? ''
  const [own, setOwn] = useState<string>()

  const register = async (subscription: PushSubscription, figures: boolean) => {
    const language = languageStore.getSnapshot()
    const label = browserName(navigator, words().push.on) || null
    const device = await api.post<Device>('/balance/push', {
      ...{ subscription: subscription.toJSON(), label, language, figures },
    })
    const { endpoint } = subscription
    keepDevice({ id: device.id, userId, endpoint, language })
    setOwn(device.id)
    reload()
  }

  const { value } = state
  const device = value?.items.find(({ id }) => id === own)
  // A browser may have renewed its subscription meanwhile, or speak another language.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the state is known
  useEffect(() => {
    const known = ownDevice()
    if (!value || known?.userId !== userId || obstacle()) return
    if (Notification.permission !== 'granted') return
    const listed = value.items.find(({ id }) => id === known.id)
    void currentSubscription().then((subscription) => {
      if (!subscription || !listed) return
      setOwn(known.id)
      const same =
        known.endpoint === subscription.endpoint && known.language === languageStore.getSnapshot()
      if (!same) void register(subscription, listed.figures).catch(() => {})
    })
  }, [value !== undefined])

  const turnOn = useAction(async () => {
    const key = state.value?.publicKey
    if (!key) throw new Error(words().push.notConfigured)
    const permission = await Notification.requestPermission()
    if (permission === 'denied') return reload()
    if (permission !== 'granted') throw new Error(words().push.dismissed)
    const subscription = await subscribe(key).catch(() => {
      throw new Error(words().push.failed)
    })
    await register(subscription, true)
  })
  const turnOff = useAction(async () => {
    if (own !== undefined) await remove(own)
    await (await currentSubscription())?.unsubscribe()
  })
  const setFigures = useAction(async (figures: boolean) => {
    const subscription = await currentSubscription()
    if (subscription) await register(subscription, figures)
  })
  const remove = async (id: string) => {
    await api.delete(`/balance/push/${id}`)
    if (id === own) {
      keepDevice(undefined)
      setOwn(undefined)
    }
    reload()
  }
  const removeDevice = useAction(remove)
  const save = useAction(async (settings: { rules: PushRules; quietHours: QuietHours | null }) => {
    await api.put('/balance/push/settings', settings)
    reload()
  })

  useEffect(() => forgetOnSignOut(session), [session])
  const hasDevices = (value?.items.length ?? 0) > 0
  useEffect(() => (hasDevices ? sayWhileVisible(api) : undefined), [api, hasDevices])

  return {
    ...{ state, device, turnOn, turnOff, setFigures, removeDevice, save },
    obstacle: obstacle(),
    denied: obstacle() === undefined && Notification.permission === 'denied',
  }
}

export type Push = ReturnType<typeof usePush>

/** Whoever uses the browser next is not told of this user's money. Without a token, only the browser can end it. */
function forgetOnSignOut(session: SessionKeeper): () => void {
  return session.subscribe(() => {
    if (session.getSnapshot() !== null || !ownDevice()) return
    keepDevice(undefined)
    void currentSubscription().then((subscription) => subscription?.unsubscribe())
  })
}

/** Tells the server whether this page shows the wallet, so that no device is notified meanwhile. */
function sayWhileVisible(api: Api): () => void {
  const tab = createIdempotencyKey()
  let said = false
  const say = () => {
    const visible = document.visibilityState === 'visible'
    if (!visible && !said) return
    said = visible
    // It only spares the user a notification.
    api.put('/balance/push/visible', { tab, visible }).catch(() => {})
  }
  say()
  const timer = setInterval(say, SEEN_EVERY_MS)
  document.addEventListener('visibilitychange', say)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', say)
  }
}
