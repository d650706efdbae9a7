import { readFileSync } from 'node:fs'

/** Makes deploy/nginx/livebalance.conf for the two servers of docker-compose.yml, from the file that the tests run. */
export function nginxCluster(): string {
  const documented = readFileSync(
    new URL('../docs/guide/proxies/nginx.conf', import.meta.url),
    'utf8',
  )
  const [, ...rest] = documented.split('\n')
  return [
    '# For docker-compose.yml. Made of docs/guide/proxies/nginx.conf by `npm run docs`.',
    ...rest.flatMap((line) =>
      line.trim() === 'server 127.0.0.1:3000 max_fails=0;'
        ? ['  server server-1:3000 max_fails=0;', '  server server-2:3000 max_fails=0;']
        : [line],
    ),
  ].join('\n')
}
