import { once } from 'node:events'
import { Agent } from 'node:http'
import { io } from 'socket.io-client'
import { ask } from '../http/ask.ts'
import { type Contender, tokenOf, USERS } from './contender.ts'

/** Milliseconds from an admin's PATCH to the user's `balance_updated` over Socket.IO, one request at a time. */
export async function eventTimes(contender: Contender, count: number): Promise<number[]> {
  const [userId = ''] = USERS
  const ids = await contender.topups(count, [userId])
  const socket = io(`http://127.0.0.1:${contender.port}/balance`, {
    auth: { token: await tokenOf(userId) },
    transports: ['websocket'],
    forceNew: true,
  })
  const agent = new Agent({ keepAlive: true })
  try {
    await once(socket as never, 'balance_initial')
    const admin = await tokenOf('ada', ['admin'])
    const times: number[] = []
    for (const id of ids) {
      const heard = once(socket as never, 'balance_updated')
      const start = performance.now()
      const path = `/transactions/topup/${id}/process`
      const answered = ask(agent, contender.port, 'PATCH', path, admin, '{"status":"success"}')
      await heard
      times.push(performance.now() - start)
      await answered
    }
    return times
  } finally {
    socket.close()
    agent.destroy()
  }
}
