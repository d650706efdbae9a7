import { newVapidKeys } from '../../lib/vapid.ts'
import { command } from '../command.ts'

export const vapidCommand = command({
  name: 'vapid',
  summary: 'Make a pair of keys for push notifications',
  details: `Prints VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY, a new pair each time, and stores nothing. Set VAPID_SUBJECT
too. Keep the pair: with another one every device has to subscribe again.`,
  options: {},
  async run({ json, terminal }) {
    const { publicKey, privateKey } = newVapidKeys()
    const lines = `VAPID_PUBLIC_KEY=${publicKey}\nVAPID_PRIVATE_KEY=${privateKey}`
    terminal.print(json ? JSON.stringify({ publicKey, privateKey }) : lines)
    return 0
  },
})
