import { describe, expect } from 'vitest'
import {
  EVENTS,
  type ForeignClient,
  lastIdOf,
  type Received,
  test,
} from '../support/clients/scenario.ts'
import { eventually } from '../support/index.ts'

/** What the versions of socket.io-client have in common. */
interface Socket {
  on(event: string, listener: (data: Received['data']) => void): void
  close(): void
  /** Version 2: the query of the namespace. */
  query?: object
  io: { engine: { transport: { name: string } } }
}

type Connect = (url: string, options: object) => Socket

const VERSIONS: Record<string, string> = {
  '2': 'socket.io-client-2',
  '3': 'socket.io-client-3',
  '4': 'socket.io-client',
}

const MODES: Record<string, string[]> = {
  polling: ['polling'],
  WebSocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
}

const connectOf = async (version: string): Promise<Connect> =>
  (await import(VERSIONS[version] ?? '')).default

function opened(socket: Socket, received: Received[]): ForeignClient {
  for (const event of EVENTS) {
    // Version 2 also reports a broken connection by the event `error`.
    socket.on(event, (data) => !(data instanceof Error) && received.push({ event, data }))
  }
  return { received, close: () => socket.close() }
}

const FAST = { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 }

describe.for(Object.keys(VERSIONS))('socket.io-client %s', (version) => {
  test.for(Object.entries(MODES))(
    'follows and resumes by %s',
    async ([mode, transports], { follow }) => {
      const connect = await connectOf(version)
      let socket: Socket | undefined
      await follow(async (url, token) => {
        const received: Received[] = []
        const credentials = () => ({ token, lastEventId: lastIdOf(received) })
        socket = connect(`${url}/balance`, {
          ...{ ...FAST, transports },
          ...(version === '2'
            ? { query: { token } }
            : { auth: (present: (data: object) => void) => present(credentials()) }),
        })
        if (version === '2') {
          socket.on('disconnect', () => Object.assign(socket as Socket, { query: credentials() }))
        }
        const client = opened(socket, received)
        if (mode === 'upgrade') {
          await eventually(() => expect(socket?.io.engine.transport.name).toBe('websocket'))
        }
        return client
      })
    },
  )

  test.for(Object.entries(MODES))(
    'is told why it is refused by %s',
    async ([, transports], { server }) => {
      const connect = await connectOf(version)
      const token = 'nonsense'
      const socket = connect(`${server.url}/balance`, {
        ...{ ...FAST, transports },
        ...(version === '2' ? { query: { token } } : { auth: { token } }),
      })
      const reason = await new Promise((resolve) => {
        socket.on(version === '2' ? 'error' : 'connect_error', resolve)
      })
      socket.close()
      const readable = { code: 'unauthorized', message: 'The token is missing or not valid.' }
      expect(reason).toMatchObject(version === '2' ? readable : { data: readable })
    },
  )
})
