// A service on the library, run by Deno or Bun: service.js <url> <token> <user> <secret> <delivery>. It prints the
// payment, the refusal of one that is too large, and the event of the delivery, each as a line of JSON.
import process from 'node:process'
import { createServiceClient, verifyWebhook } from '../../../src/server-sdk/index.ts'

const [url, token, userId, secret, delivery] = process.argv.slice(2)
const balance = createServiceClient({ url, token })

const print = (event, data) => console.log(JSON.stringify({ event, data }))

print('paid', await balance.pay({ userId, amount: 30 }))
try {
  await balance.pay({ userId, amount: 100 })
} catch ({ name, code, details }) {
  print('refused', { name, code, details })
}
const { headers, body } = JSON.parse(delivery)
print('verified', await verifyWebhook(body, new Headers(headers), secret))
try {
  await verifyWebhook(`${body} `, new Headers(headers), secret)
} catch ({ name, reason }) {
  print('not verified', { name, reason })
}
