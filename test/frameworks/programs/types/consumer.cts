import client = require('livebalance/client')
import react = require('livebalance/react')

const balance = client.createBalanceClient({ url: 'http://localhost:3000', token: 'a token' })
export const snapshot: client.BalanceSnapshot = balance.getSnapshot()
// @ts-expect-error there is no such event
balance.on('balance_upset', () => {})
export const hook: (token: string) => react.UseBalance = react.useBalance
