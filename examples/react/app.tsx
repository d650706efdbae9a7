/**
 * npm run build
 * npx esbuild examples/react/app.tsx --bundle --format=esm --jsx=automatic --outfile=examples/react/app.js
 * Serve the folder, and open it with `?server=http://localhost:3000&token=…`. Add the page's origin to the
 * server's CORS_ORIGINS.
 */
import { createApi, createIdempotencyKey } from 'livebalance/client'
import { useBalance } from 'livebalance/react'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'

const query = new URLSearchParams(location.search)
const url = query.get('server') ?? 'http://localhost:3000'
const token = query.get('token') ?? ''
const api = createApi({ url, token })

function Wallet() {
  const { balance, currency, status, error } = useBalance(token === '' ? null : { url, token })
  const [notice, setNotice] = useState('')

  async function topUp() {
    const answer = await api.transactions.topup.$post(
      { json: { amount: 20 } },
      { headers: { 'Idempotency-Key': createIdempotencyKey() } },
    )
    setNotice(answer.ok ? 'Requested. An admin must approve it.' : 'The request failed.')
  }

  return (
    <main>
      <h1>
        {balance ?? '…'} {currency}
      </h1>
      <p role="status">{error?.message ?? status.state}</p>
      <button type="button" onClick={topUp}>
        Top up 20
      </button>
      <p>{notice}</p>
    </main>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(<Wallet />)
