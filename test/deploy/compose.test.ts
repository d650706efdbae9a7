import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/config.ts'
import { describeRedis, type RedisTarget } from '../../src/config/redis-address.ts'
import { VARIABLES } from '../../src/config/variables.ts'

interface Service {
  image?: string
  profiles?: string[]
  ports?: string[]
  volumes?: string[]
  environment?: Record<string, string | number>
  depends_on?: Record<string, { condition: string }>
  stop_grace_period?: string
}

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>
}

/** What compose makes of `${NAME:-default}`. */
const filled = (text: string, given: Record<string, string>) =>
  text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name, value) => given[name] ?? value)

/** The variables as the container has them, with these in the shell or in .env. */
const configOf = (
  { environment = {} }: Service,
  given: Record<string, string> = { JWT_SECRET: 'x'.repeat(32) },
) =>
  parseConfig(
    Object.fromEntries(
      Object.entries(environment).map(([name, v]) => [name, filled(String(v), given)]),
    ),
  )

const servers = Object.entries(services).filter(([name]) => name.startsWith('server'))

test('`docker compose up` starts one server and what it stands on', () => {
  const plain = Object.keys(services).filter((name) => !services[name]?.profiles)
  expect(plain.sort()).toEqual(['postgres', 'server', 'valkey'])
})

test.each(servers)('%s has an environment that the server takes', (_, service) => {
  for (const name of Object.keys(service.environment ?? {})) {
    expect(Object.keys(VARIABLES.shape)).toContain(name)
  }
  const keySet = configOf(service, { JWT_JWKS_URL: 'https://id.example.com/jwks' })
  expect(keySet.tokenKeys).toMatchObject({ kind: 'jwks' })
  expect(() => configOf(service, {})).toThrow('JWT_SECRET (or JWT_JWKS_URL) must be set')
  const config = configOf(service)
  expect(services[new URL(config.databaseUrl ?? '').hostname]?.image).toMatch(/^postgres:18/)
  expect(services[describeRedis(config.redis as RedisTarget).split(':')[0] ?? '']?.image).toMatch(
    /^valkey/,
  )
  expect(Object.keys(service.depends_on ?? {}).sort()).toEqual(['postgres', 'valkey'])
  // It is killed only after it would have ended by itself.
  expect(Number.parseInt(service.stop_grace_period ?? '', 10)).toBeGreaterThan(
    2 * config.drainSeconds + 5,
  )
})

test('the profile `cluster` is two servers that only nginx can reach, and that believe it', () => {
  const members = Object.entries(services).filter(([, { profiles }]) =>
    profiles?.includes('cluster'),
  )
  expect(members.map(([name]) => name)).toEqual(['server-1', 'server-2', 'nginx'])
  for (const [name, service] of members.slice(0, 2)) {
    expect([name, service.ports, configOf(service).rateLimits.trustProxy]).toEqual([
      name,
      undefined,
      1,
    ])
  }
  expect(configOf(services.server ?? {}).rateLimits.trustProxy).toBe(0)
})

test('nginx sends to the two servers, at the port that they listen on', () => {
  const [volume = ''] = services.nginx?.volumes ?? []
  const [path = ''] = volume.split(':')
  const upstreams = [...read(path).matchAll(/^ {2}server ([\w-]+):(\d+) max_fails=0;$/gm)]
  const clustered = servers.filter(([, { profiles }]) => profiles?.includes('cluster'))
  expect(upstreams.map(([, host, port]) => [host, Number(port)])).toEqual(
    clustered.map(([name, service]) => [name, configOf(service).port]),
  )
  expect(Object.keys(services.nginx?.depends_on ?? {})).toEqual(clustered.map(([name]) => name))
  expect(services.nginx?.ports?.[0]).toMatch(/:80'?$/)
  expect(read(path)).toContain('listen 80;')
})

test('the image asks for its health where the server answers, and takes in what it needs alone', () => {
  const dockerfile = read('Dockerfile')
  expect(dockerfile).toMatch(/^USER node$/m)
  expect(dockerfile).toContain('/health/ready')
  expect(dockerfile).toContain(`EXPOSE ${VARIABLES.shape.PORT.parse(undefined)}`)
  const ignored = read('.dockerignore').split('\n')
  for (const needed of ['src', 'sql', 'web', 'scripts', 'package.json', 'tsconfig.build.json']) {
    expect(ignored).not.toContain(needed)
  }
  // A secret, and what is of another platform, never get into an image.
  expect(ignored).toEqual(expect.arrayContaining(['.env', '.git', 'node_modules', '.livebalance']))
})
