import { createBalanceClient } from 'livebalance/client'

const query = new URLSearchParams(location.search)
const client = createBalanceClient({ url: query.get('server'), token: query.get('token') })
client.subscribe(() => {
  const { balance } = client.getSnapshot()
  document.querySelector('output').textContent = balance?.toFixed(2) ?? ''
})
