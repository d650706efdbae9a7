import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

/** Serves built pages: `folderOf` names the folder of the first part of a path. */
export async function servePages(folderOf: (name: string) => string) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [, name = '', ...rest] = pathname.split('/')
    const file = join(folderOf(name), rest.join('/') || 'index.html')
    try {
      const text = await readFile(file)
      response.setHeader('Content-Type', TYPES[extname(file)] ?? 'text/plain').end(text)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close(),
  }
}
