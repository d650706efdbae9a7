import type { PushMessage } from '../../src/deliveries/push.ts'

/** Shows the notifications of the wallet while no page shows the wallet itself. */
declare const self: ServiceWorkerGlobalScope

/** Their addresses, which the build fills in. */
declare const ICON: string
declare const BADGE: string

// A new version has nothing to wait for: the worker answers no requests and keeps no files.
self.addEventListener('install', () => void self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => event.waitUntil(receive(messageIn(event))))

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(openWallet())
})

/** Browsers require that each push shows something, unless the user sees a page of the site. */
async function receive(message: Partial<PushMessage>): Promise<void> {
  const visible = (await wallets()).filter(({ visibilityState }) => visibilityState === 'visible')
  // The page has the same event from its stream.
  if (visible.length > 0) return
  const { title = 'Livebalance', body = '', tag, language = 'en' } = message
  await self.registration.showNotification(title, {
    ...{ body, lang: language, icon: ICON, badge: BADGE },
    // One of a repeated delivery replaces the first one, without a sound.
    ...(tag !== undefined && { tag }),
  })
}

async function openWallet(): Promise<void> {
  const [wallet] = await wallets()
  if (wallet) await wallet.focus()
  else await self.clients.openWindow('/')
}

/** The windows of the wallet. The console, the reference and documents of the API are of the same site. */
async function wallets(): Promise<readonly WindowClient[]> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  return windows.filter(({ url }) => !/^\/(admin|docs)(\/|$)|\.\w+$/.test(new URL(url).pathname))
}

function messageIn({ data }: PushEvent): Partial<PushMessage> {
  try {
    return (data?.json() ?? {}) as PushMessage
  } catch {
    return {}
  }
}
