import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { io } from 'socket.io-client'
import { type Contender, tokenOf, USERS } from './contender.ts'

/** Milliseconds from an admin's PATCH to the user's `balance_updated` over Socket.IO, one after another. */
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
      const answered = approve(agent, contender.port, id, admin)
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

function approve(agent: Agent, port: number, id: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = '{"status":"success"}'
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    }
    const path = `/transactions/topup/${id}/process`
    const asked = request({ agent, port, host: '127.0.0.1', method: 'PATCH', path, headers })
    asked.on('response', (answer) => {
      answer.resume()
      answer.on('end', resolve)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
