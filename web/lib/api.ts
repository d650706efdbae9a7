import { createIdempotencyKey } from '../../src/client/index.ts'
import { parseJson } from '../../src/lib/json.ts'
import { Problem, problemFrom } from './problem.ts'
import type { SessionKeeper } from './session.ts'

/** Of a file: 5,000 lines or more. */
const MOST_PAGES = 50

type Query = Record<string, string | number | undefined>

/** REST calls in the name of the signed-in user. Every method rejects with a `Problem`. */
export interface Api {
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>
  /** @param key the Idempotency-Key; repeat it to repeat a request that must happen once */
  post<T>(path: string, body: object, key?: string): Promise<T>
  patch<T>(path: string, body: object): Promise<T>
  put<T>(path: string, body: object): Promise<T>
  delete<T>(path: string, query?: Query): Promise<T>
  /** Reads the whole answer as a file, also if it comes in pages. */
  file(path: string, query?: Query): Promise<Blob>
}

export function createApi(session: Pick<SessionKeeper, 'token' | 'getSnapshot'>): Api {
  async function send(path: string, init: RequestInit): Promise<Response> {
    let refused: string | undefined
    for (;;) {
      const token = await session.token(refused)
      const response = await fetch(path, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${token}` },
      }).catch((error: unknown) => {
        if (init.signal?.aborted) throw error
        return null
      })
      if (response?.ok) return response
      const problem = await problemFrom(response)
      const again = problem.status === 401 && refused === undefined && session.getSnapshot()?.demo
      if (!again) throw problem
      refused = token
    }
  }

  async function json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await send(path, init)
    try {
      // Not `response.json()`: a double cannot hold every cent of a large balance.
      return parseJson(await response.text()) as T
    } catch {
      throw new Problem(0, 'cut_off', '')
    }
  }

  const body = (value: object): RequestInit => ({ body: JSON.stringify(value) })
  const type = { 'Content-Type': 'application/json' }

  return {
    get: (path, query, signal) => json(withQuery(path, query), signal ? { signal } : {}),
    post: (path, value, key = createIdempotencyKey()) =>
      json(path, { method: 'POST', ...body(value), headers: { ...type, 'Idempotency-Key': key } }),
    patch: (path, value) => json(path, { method: 'PATCH', ...body(value), headers: type }),
    // `keepalive`: a page that is being closed can still say something.
    put: (path, value) =>
      json(path, { method: 'PUT', ...body(value), headers: type, keepalive: true }),
    delete: (path, query) => json(withQuery(path, query), { method: 'DELETE' }),
    async file(path, query) {
      const parts: Blob[] = []
      for (let cursor: string | null = ''; cursor !== null && parts.length < MOST_PAGES; ) {
        const response = await send(withQuery(path, { ...query, ...(cursor && { cursor }) }), {})
        const part = await response.blob()
        // The next page repeats the names of the columns.
        parts.push(cursor ? part.slice((await part.text()).indexOf('\n') + 1) : part)
        cursor = response.headers.get('Next-Cursor')
      }
      return parts.length === 1 ? (parts[0] as Blob) : new Blob(parts)
    },
  }
}

function withQuery(path: string, query: Query = {}): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const text = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString()
  return text ? `${path}?${text}` : path
}
