import { createServer } from 'node:http'
import { type Channel, createChannel, createSession } from 'better-sse'
import { listening, payload, type Subject, userOf } from '../../realtime/subjects.ts'

/** A channel for each user, as in the library's guide. A message of Redis is parsed and broadcast. */
export default async function betterSse(): Promise<Subject> {
  const channels = new Map<string, Channel>()
  const server = createServer(async (request, response) => {
    const user = userOf(request.url)
    const session = await createSession(request, response)
    let channel = channels.get(user)
    if (!channel) {
      channel = createChannel()
      channels.set(user, channel)
    }
    channel.register(session)
  })
  return {
    port: await listening(server),
    deliver(user, seq) {
      const event = JSON.parse(payload(seq))
      channels.get(user)?.broadcast(event, 'balance_updated', { eventId: event.id })
    },
  }
}
