'use client'

import type { BalanceClientOptions } from 'livebalance/client'
import { useBalance } from 'livebalance/react'

/** Rendered on the server first, and then in the browser. */
export function Balance(options: BalanceClientOptions) {
  const { balance, status } = useBalance(options)
  return (
    <output data-testid="balance" data-state={status.state}>
      {balance?.toFixed(2) ?? 'none'}
    </output>
  )
}
