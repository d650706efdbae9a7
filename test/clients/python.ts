import { spawnSync } from 'node:child_process'
import { describe, expect } from 'vitest'
import { example } from '../support/clients/examples.ts'
import { startProgram } from '../support/clients/program.ts'
import { type Received, test } from '../support/clients/scenario.ts'
import { eventually } from '../support/index.ts'

/** The first Python that has the client and what it needs: Debian's, or one in the path. */
const python = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import socketio, aiohttp']).status === 0,
)

const missing = python ? '' : ' (skipped: python3-socketio and python3-aiohttp are not installed)'

function parse(line: string): Received | undefined {
  const [, event = '', json = ''] = /^(\w+) (\{.*\})$/.exec(line) ?? []
  return json ? { event, data: JSON.parse(json) } : undefined
}

const start = (url: string, token: string) =>
  startProgram([python ?? '', '-c', example('python', url, token)], parse)

describe.skipIf(!python)(`python-socketio, as in the guide${missing}`, () => {
  test('follows and resumes', async ({ follow }) => {
    await follow(start)
  })

  test('is told why it is refused', async ({ server }) => {
    const { received } = start(server.url, 'nonsense')
    await eventually(() =>
      expect(received).toEqual([
        {
          event: 'refused',
          data: expect.objectContaining({
            message: 'The token is missing or not valid.',
            data: expect.objectContaining({ code: 'unauthorized' }),
          }),
        },
      ]),
    )
  })
})
