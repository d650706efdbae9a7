import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface LoadOrder {
  port: number
  connections: number
  seconds: number
  /** Whole requests as bytes. Each free connection takes the next one. */
  requests: string[]
  /** Sends each request once and then ends. Default: repeats them. */
  once?: boolean
  /**
   * So many a second, whatever the server does, instead of as many as it can: one that finds no free
   * connection waits, and its time counts from when it should have been sent.
   */
  rate?: number
  /** Counts answers that are no success, instead of ending the run. */
  tolerant?: boolean
}

export interface LoadResult {
  /** Answers with a 2xx. */
  done: number
  /** Other answers. Without `tolerant` the first of them fails the run. */
  failed: number
  seconds: number
  /** Milliseconds from a request to the last byte of its answer. */
  p50: number
  p99: number
}

/** A process that makes requests. */
export interface Generator {
  run(order: LoadOrder): Promise<LoadResult>
  end(): void
}

export async function generator(): Promise<Generator> {
  const child = fork(new URL('generator.ts', import.meta.url), [], {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  })
  const message = async () => {
    const given = new AbortController()
    const { signal } = given
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error('the load generator ended')
    })
    const [answer] = await Promise.race([once(child, 'message', { signal }), ended])
    ended.catch(() => {})
    given.abort()
    return answer
  }
  await message()
  return {
    async run(order) {
      const answer = message()
      child.send(order)
      return (await answer) as LoadResult
    },
    end: () => child.disconnect(),
  }
}

/** A request as bytes. */
export function wireRequest(
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  token: string,
  body?: unknown,
): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n`
  if (body === undefined) return `${head}\r\n`
  const text = JSON.stringify(body)
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}
