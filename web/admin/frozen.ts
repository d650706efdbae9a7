import type { Frozen } from '../../src/ledger/event.ts'
import type { Toast } from '../components/toasts.tsx'
import type { FreezeEvent } from './feed.ts'

/** What is refused of a frozen wallet. */
export const FROZEN: Record<Frozen, string> = {
  both: 'no money leaves it or comes to it',
  debits: 'no money leaves it',
  credits: 'no money comes to it',
}

export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** Told on every screen, because whoever decides about the user's requests should know at once. */
export const freezeToast = ({ userId, frozen }: FreezeEvent): Toast => ({
  about: userId,
  tone: frozen ? 'loss' : 'plain',
  title: `The wallet of ${userId} was ${frozen ? 'frozen' : 'unfrozen'}`,
  text: frozen ? `${sentence(FROZEN[frozen])}.` : 'Money can move again.',
})
