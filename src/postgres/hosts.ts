import { isIP, Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type {
  PostgresHost,
  PostgresTarget,
  SessionAttributes,
} from '../config/connection-string.ts'
import { withTimeout } from '../lib/timeout.ts'

/** The message that asks Postgres for TLS: its length, and a code in place of a version. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const YES = 'S'.charCodeAt(0)
const NO = 'N'.charCodeAt(0)

/** Whether a server is a standby, and whether its sessions may write. */
export interface ServerState {
  standby: boolean
  readOnly: boolean
}

/** Asks one server, through a session of its own. */
export type Probe = (host: PostgresHost) => Promise<ServerState>

/**
 * Connects to the first server that is reachable and, where the connection string asks for it, in the right state.
 * Every new connection chooses again, so that a failover is found. Connections that open together share one choice.
 */
export class Hosts {
  readonly #target: PostgresTarget
  readonly #probe: Probe
  #choosing: Promise<PostgresHost> | undefined

  constructor(target: PostgresTarget, probe: Probe) {
    this.#target = target
    this.#probe = probe
  }

  /** @throws the error of the last server that was tried */
  async connect(): Promise<Socket> {
    if (this.#target.sessionAttributes !== 'any')
      return openSocket(await this.#fitHost(), this.#target)
    let failure: unknown
    for (const host of this.#target.hosts) {
      try {
        return await openSocket(host, this.#target)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  #fitHost(): Promise<PostgresHost> {
    this.#choosing ??= this.#choose().finally(() => {
      this.#choosing = undefined
    })
    return this.#choosing
  }

  async #choose(): Promise<PostgresHost> {
    const { hosts, sessionAttributes } = this.#target
    let failure: unknown
    let second: PostgresHost | undefined
    for (const host of hosts) {
      try {
        const state = await this.#probe(host)
        if (fits(state, sessionAttributes)) return host
        second ??= host
      } catch (error) {
        failure = error
      }
    }
    if (sessionAttributes === 'prefer-standby' && second) return second
    if (second === undefined) throw failure
    throw Object.assign(new Error(`no server is ${sessionAttributes} (target_session_attrs)`), {
      code: 'NO_FIT_SERVER',
      syscall: 'connect',
    })
  }
}

function fits({ standby, readOnly }: ServerState, wanted: SessionAttributes): boolean {
  if (wanted === 'read-write') return !readOnly
  if (wanted === 'read-only') return readOnly
  return wanted === 'primary' ? !standby : standby
}

/** A connection to one server that is ready for Postgres, with TLS if it is asked for. */
export async function openSocket(host: PostgresHost, target: PostgresTarget): Promise<Socket> {
  const socket = new Socket()
  if (target.keepAliveMs > 0) socket.setKeepAlive(true, target.keepAliveMs)
  const address = 'path' in host ? host.path : host.host
  try {
    return await withTimeout(
      begin(socket, host, target),
      target.connectTimeoutSeconds * 1_000,
      () => {
        throw Object.assign(new Error(`no answer from ${address}`), {
          code: 'CONNECT_TIMEOUT',
          address,
        })
      },
    )
  } catch (error) {
    socket.destroy()
    // After any error here, even of a certificate, no session began.
    throw Object.assign(error as Error, { syscall: 'connect' })
  }
}

async function begin(socket: Socket, host: PostgresHost, target: PostgresTarget): Promise<Socket> {
  if ('path' in host) socket.connect(host.path)
  else socket.connect(host.port, host.host)
  await event(socket, 'connect')
  if (target.tls === 'disable' || 'path' in host) return socket
  if (!target.tlsDirect && !(await speaksTls(socket, target.tls))) return socket
  const { host: name } = host
  const secure: TLSSocket = connect({
    // The server chooses its certificate by this name, which must not be an address.
    ...(isIP(name) ? { host: name } : { servername: name }),
    ...(target.tlsDirect && { ALPNProtocols: ['postgresql'] }),
    ...target.tlsOptions,
    socket,
  })
  await event(secure, 'secureConnect')
  return secure
}

/** @throws if TLS is required and the server does not support it */
async function speaksTls(socket: Socket, wanted: 'prefer' | 'require'): Promise<boolean> {
  socket.write(SSL_REQUEST)
  const answer: Buffer = await event(socket, 'data')
  socket.pause()
  // More than one byte before TLS may come from an attacker in between, so it is an error.
  if (answer.length === 1 && answer[0] === YES) return true
  if (answer.length === 1 && answer[0] === NO && wanted === 'prefer') {
    socket.resume()
    return false
  }
  throw Object.assign(new Error('the database speaks no TLS'), { code: 'NO_TLS' })
}

/** The first value of an event; rejects if the socket fails or closes before. */
function event<T>(socket: Socket, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      socket.off(name, happened).off('error', failed).off('close', closed)
      end()
    }
    const happened = (value: T) => settle(() => resolve(value))
    const failed = (error: Error) => settle(() => reject(error))
    const closed = () => failed(closedEarly(socket))
    socket.on(name, happened).on('error', failed).on('close', closed)
  })
}

/** No query was sent yet: as good as no connection (see `failureOf`). */
export function closedEarly({ remoteAddress: address, remotePort: port }: Socket): Error {
  return Object.assign(new Error('the connection closed before a session began'), {
    ...{ code: 'CONNECTION_CLOSED', syscall: 'connect', address, port },
  })
}
