import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { expect } from 'vitest'
import { startPushService, type TestPushService } from '../deliveries/push-service.ts'
import { eventually } from '../index.ts'
import { type VisitorOptions, visitor } from './browser.ts'
import type { Site } from './site.ts'

/** What a browser shows. */
export interface Shown {
  title: string
  body: string
  tag: string
  lang: string
}

export interface Phone {
  context: BrowserContext
  service: TestPushService
  /** Opens the wallet. */
  open(): Promise<Page>
  /** Takes the messages that have come, to the service worker. Returns how many that were. */
  receive(): Promise<number>
  /** What its service worker shows now. */
  shown(): Promise<Shown[]>
  /** Clicks on the first of those. Returns the path that it opens, or the window that it goes to. */
  click(): Promise<{ opened: string } | { focused: string }>
}

/**
 * A browser that reaches no push service on the internet. So its subscriptions are of one on this machine, and what that
 * takes and decrypts is handed to the browser, as its own push client would do.
 */
export async function startPhone(site: Site, options: VisitorOptions): Promise<Phone> {
  const { context } = await visitor(options)
  await context.grantPermissions(['notifications'], { origin: site.url })
  const service = await startPushService()
  const { json } = service.subscribe()
  await context.addInitScript((json) => {
    const subscription = (applicationServerKey: ArrayBuffer) => ({
      ...{ endpoint: json.endpoint, options: { applicationServerKey, userVisibleOnly: true } },
      toJSON: () => json,
      async unsubscribe() {
        localStorage.removeItem('subscribed')
        return true
      },
    })
    const bytes = (text: string) => Uint8Array.from(JSON.parse(text)).buffer
    Object.assign(PushManager.prototype, {
      async subscribe({
        applicationServerKey: key,
      }: {
        applicationServerKey: Uint8Array<ArrayBuffer>
      }) {
        localStorage.setItem('subscribed', JSON.stringify([...key]))
        return subscription(key.buffer)
      },
      async getSubscription() {
        const kept = localStorage.getItem('subscribed')
        return kept === null ? null : subscription(bytes(kept))
      },
    })
  }, json)
  // A page of the site that is not the wallet, for what only a page can ask the browser.
  const helper = await context.newPage()
  await helper.goto(`${site.url}/openapi.json`)
  const cdp = await context.newCDPSession(helper)
  const registrationId = await watchRegistration(cdp)
  let taken = 0
  return {
    context,
    service,
    async open() {
      const page = await context.newPage()
      await page.goto(`${site.url}/?view=settings`)
      return page
    },
    async receive() {
      const messages = service.pushed.slice(taken)
      taken += messages.length
      for (const { text } of messages) {
        await cdp.send('ServiceWorker.deliverPushMessage', {
          ...{ origin: site.url, registrationId: await registrationId(), data: text },
        })
      }
      return messages.length
    },
    shown: () =>
      helper.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration('/')
        const notifications = (await registration?.getNotifications()) ?? []
        return notifications.map(({ title, body, tag, lang }) => ({ title, body, tag, lang }))
      }),
    async click() {
      const [worker] = context.serviceWorkers()
      if (!worker) throw new Error('there is no service worker')
      return worker.evaluate(clickInWorker)
    },
  }
}

/** Headless Chromium has no notification to click on, and lets only a real click move the focus: the worker is told. */
async function clickInWorker(): Promise<{ opened: string } | { focused: string }> {
  const scope = self as unknown as {
    clients: { openWindow(url: string): Promise<unknown> }
    WindowClient: { prototype: { url: string; focus(): Promise<unknown> } }
    registration: { getNotifications(): Promise<object[]> }
    dispatchEvent(event: Event): boolean
    NotificationEvent: new (type: string, init: object) => Event
  }
  const [notification] = await scope.registration.getNotifications()
  return new Promise((resolve) => {
    scope.clients.openWindow = async (url) => resolve({ opened: url })
    scope.WindowClient.prototype.focus = async function () {
      resolve({ focused: this.url })
    }
    scope.dispatchEvent(new scope.NotificationEvent('notificationclick', { notification }))
  })
}

async function watchRegistration(cdp: CDPSession): Promise<() => Promise<string>> {
  let id: string | undefined
  cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    id = registrations.find(({ isDeleted }) => !isDeleted)?.registrationId ?? id
  })
  await cdp.send('ServiceWorker.enable')
  return () =>
    eventually(() => {
      expect(id).toBeDefined()
      return id ?? ''
    })
}
