import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'

/**
 * Whether the first steps are shown: to a user to whom nothing has happened yet, until they are dismissed. After the
 * first money arrived they are not shown again.
 * @param seq of the user's last event, as it was read first; undefined until then
 */
export function useGuide(client: BalanceClient, userId: string, seq: number | undefined) {
  const place = `livebalance.guide.${userId}`
  const [shown, setShown] = useState<boolean>()
  useEffect(() => {
    if (seq !== undefined) {
      setShown((shown) => shown ?? (seq === 0 && localStorage.getItem(place) === null))
    }
  }, [seq, place])
  useEffect(
    () => client.on('balance_updated', () => localStorage.setItem(place, 'seen')),
    [client, place],
  )
  return {
    shown: shown === true,
    dismiss() {
      localStorage.setItem(place, 'dismissed')
      setShown(false)
    },
  }
}
