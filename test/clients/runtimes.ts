import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { PACKAGE_ROOT } from '../../src/lib/package-root.ts'
import { startProgram } from '../support/clients/program.ts'
import { test } from '../support/clients/scenario.ts'
import { eventually } from '../support/index.ts'

const PROGRAM = join(PACKAGE_ROOT, 'test/clients/programs/native.js')

/** The programs that `npm run test:clients` installed, and what each shows of a refusal. */
const RUNTIMES = [
  {
    name: 'Deno',
    command: [process.env.CLIENTS_DENO ?? '', 'run', '--allow-net'],
    refusals: {
      EventSource: /^closed$/,
      fetch: /^The token is missing or not valid\.$/,
      WebSocket: /Invalid status code: 401/,
    },
  },
  {
    name: 'Bun',
    command: [process.env.CLIENTS_BUN ?? '', 'run'],
    refusals: {
      fetch: /^The token is missing or not valid\.$/,
      WebSocket: /Expected 101 status code: 401/,
    },
  },
]

describe.for(RUNTIMES)('$name', ({ command, refusals }) => {
  const missing = command[0] ? '' : ' (skipped: it is not installed)'
  describe.for(Object.entries(refusals))(`%s${missing}`, ([part, refusal]) => {
    const start = (url: string, token: string) =>
      startProgram([...command, PROGRAM, part, url, token], (line) => JSON.parse(line))

    test.skipIf(missing)('follows and resumes', async ({ follow }) => {
      await follow(start)
    })

    test.skipIf(missing)('is told that it is refused', async ({ server }) => {
      const { received } = start(server.url, 'nonsense')
      await eventually(() =>
        expect(received).toEqual([
          {
            event: 'refused',
            data: expect.objectContaining({ message: expect.stringMatching(refusal) }),
          },
        ]),
      )
    })
  })
})
