import type { BalanceClient } from '../../src/client/index.ts'
import type { Toast, Toasts } from '../components/toasts.tsx'
import { words } from '../lib/language.ts'

/** Asked for at once, but the page is there sooner without it. What happens meanwhile is told when it is loaded. */
const loading = import('./event-words.ts')
type EventWordsModule = Awaited<typeof loading>

/** Shows the client's events as notifications. Returns a function that stops it. */
export function showNotifications(client: BalanceClient, toasts: Toasts): () => void {
  /** In the order of the calls. */
  const show = (toastOf: (module: EventWordsModule) => Toast | undefined) =>
    void loading.then(
      (module) => {
        const toast = toastOf(module)
        if (toast) toasts.show(toast)
      },
      () => {
        // The page works without notifications, and its activity has the same words.
      },
    )
  let greeted = false
  const stops = [
    client.on('balance_initial', ({ balance, currency, recovered }) => {
      // A connection that came back without missing an event needs no notification.
      if (greeted && recovered !== false) return
      const { events: text } = words()
      const title = greeted ? text.again : text.live
      greeted = true
      show(({ balanceText }) => ({
        about: 'connection',
        tone: 'plain',
        title,
        ...balanceText(text.balanceIs, balance, currency),
      }))
    }),
    client.on('*', (event) => show(({ wordsOf }) => wordsOf(event))),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
