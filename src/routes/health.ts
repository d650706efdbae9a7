import { answer } from '../http/answer.ts'
import { factory } from '../http/env.ts'
import type { RouteDeps } from './deps.ts'

/** `/health`: is the process alive, and should it get traffic. */
export function healthRoutes({ readiness }: Pick<RouteDeps, 'readiness'>) {
  return factory
    .createApp()
    .get('/live', (c) => answer(c, { status: 'live' }))
    .get('/ready', async (c) => {
      const { ready, checks } = await readiness()
      const status = ready ? ('ready' as const) : ('not ready' as const)
      return answer(c, { status, checks }, ready ? 200 : 503)
    })
}
