import { useBalance } from 'livebalance/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

const query = new URLSearchParams(location.search)
const options = { url: query.get('server') ?? '', token: query.get('token') ?? '' }

function Balance() {
  const { balance, status } = useBalance(options)
  return (
    <output data-testid="balance" data-state={status.state}>
      {balance?.toFixed(2)}
    </output>
  )
}

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <Balance />
  </StrictMode>,
)
