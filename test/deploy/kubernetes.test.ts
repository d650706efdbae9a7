import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { parseConfig } from '../../src/config/config.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { METRICS, PREFIX } from '../../src/observability/metric-definitions.ts'
import { edge } from '../support/http/stub.ts'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, 'deploy/kubernetes')

// biome-ignore lint/suspicious/noExplicitAny: manifests are what they are
type Manifest = any

const files = readdirSync(FOLDER)
const manifests: Manifest[] = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'), { merge: true }).map((document) => {
    expect([file, document.errors, document.warnings]).toEqual([file, [], []])
    return document.toJS()
  }),
)

const of = (kind: string, name = 'livebalance'): Manifest => {
  const found = manifests.filter((m) => m.kind === kind && (m.metadata?.name ?? name) === name)
  expect([kind, found.length]).toEqual([kind, 1])
  return found[0]
}

const pod = () => of('Deployment').spec.template
const server = () => pod().spec.containers[0]
const migrate = () => pod().spec.initContainers[0]

/** The environment of a container, its secrets as in the example. */
function environment(container: Manifest): Record<string, string> {
  const secrets = (container.envFrom ?? []).map((from: Manifest) =>
    of('Secret', from.secretRef.name),
  )
  return Object.assign(
    {},
    ...secrets.map(({ stringData }: Manifest) => stringData),
    ...container.env.map(({ name, value, valueFrom }: Manifest) => ({
      [name]:
        value ?? of('Secret', valueFrom.secretKeyRef.name).stringData[valueFrom.secretKeyRef.key],
    })),
  )
}

test('the server takes the environment, and listens where it is looked for', () => {
  const env = environment(server())
  expect(Object.keys(VARIABLES.shape)).toEqual(expect.arrayContaining(Object.keys(env)))
  const config = parseConfig(env)
  expect(config).toMatchObject({ host: '0.0.0.0', rateLimits: { trustProxy: 1 } })
  expect(server().ports).toEqual([{ name: 'http', containerPort: config.port }])
  expect(pod().metadata.annotations['prometheus.io/port']).toBe(String(config.port))
})

test('probes ask routes that there are; readiness alone looks at dependencies', () => {
  const routes = routesOf(edge().app).map(({ name }) => name)
  const { startupProbe, livenessProbe, readinessProbe } = server()
  for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
    expect(routes).toContain(`GET ${httpGet.path}`)
    expect(httpGet.port).toBe('http')
  }
  expect(startupProbe.httpGet.path).toBe('/health/live')
  expect(livenessProbe.httpGet.path).toBe('/health/live')
  expect(readinessProbe.httpGet.path).toBe('/health/ready')
})

test('a pod is not killed before it has drained', () => {
  const { drainSeconds } = parseConfig(environment(server()))
  const pause = Number(server().lifecycle.preStop.exec.command[1])
  expect(pause).toBeGreaterThan(0)
  expect(pod().spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
    pause + 2 * drainSeconds + 10,
  )
})

test('the owner of the tables migrates, and what serves does not know that login', () => {
  const [, program, command] = migrate().command
  expect(existsSync(join(ROOT, program.replace(/\.js$/, '.ts')))).toBe(true)
  expect(command).toBe('migrate')
  const owner = environment(migrate()).DATABASE_URL
  const serves = environment(server()).DATABASE_URL
  expect(owner).not.toBe(serves)
  expect(new URL(owner ?? '').host + new URL(owner ?? '').pathname).toBe(
    new URL(serves ?? '').host + new URL(serves ?? '').pathname,
  )
  expect(JSON.stringify(server())).not.toContain('livebalance-owner')
})

test('nothing runs as root, writes to its image, or keeps a privilege', () => {
  expect(pod().spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 })
  expect(pod().spec.automountServiceAccountToken).toBe(false)
  for (const { securityContext, resources } of [server(), migrate()]) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(resources.limits.memory).toMatch(/Mi$/)
  }
})

test('everything that names the pods, the service or the deployment names what is there', () => {
  const labels = pod().metadata.labels
  const selectors = [
    of('Deployment').spec.selector.matchLabels,
    of('Service').spec.selector,
    of('PodDisruptionBudget').spec.selector.matchLabels,
    pod().spec.topologySpreadConstraints[0].labelSelector.matchLabels,
  ]
  for (const selector of selectors) expect(labels).toMatchObject(selector)
  const [port] = of('Service').spec.ports
  expect(port.targetPort).toBe('http')
  const { service } = of('Ingress').spec.rules[0].http.paths[0].backend
  expect(service).toEqual({ name: of('Service').metadata.name, port: { name: port.name } })
  const { scaleTargetRef, minReplicas } = of('HorizontalPodAutoscaler').spec
  expect(scaleTargetRef).toMatchObject({ kind: 'Deployment', name: of('Deployment').metadata.name })
  expect(of('Deployment').spec.replicas).toBe(minReplicas)
  // An upgrade and a drained node leave one that serves.
  expect(minReplicas).toBeGreaterThan(1)
  expect(of('Deployment').spec.strategy.rollingUpdate.maxUnavailable).toBe(0)
  const listed = of('Kustomization').resources as string[]
  expect(files).toEqual(expect.arrayContaining(listed))
  const left = files.filter((file) => !listed.includes(file))
  expect(left.sort()).toEqual([
    'kustomization.yaml',
    'prometheus-adapter-values.yaml',
    'secrets.example.yaml',
  ])
})

test('it scales by a metric that the server has, under the name that the adapter gives it', () => {
  const metrics = of('HorizontalPodAutoscaler').spec.metrics
  const { name } = metrics.find(({ type }: Manifest) => type === 'Pods').pods.metric
  expect(METRICS.map(({ name, type }) => [PREFIX + name, type])).toContainEqual([name, 'gauge'])
  const [rule] = manifests.find(({ rules }) => rules).rules.custom
  expect(rule.name.as).toBe(name)
  expect(rule.seriesQuery).toMatch(new RegExp(`^${name}\\{`))
  expect(routesOf(edge().app).map((route) => route.name)).toContain(
    `GET ${pod().metadata.annotations['prometheus.io/path']}`,
  )
})

test('the ingress passes on every route, and keeps the metrics inside', () => {
  const [{ http }] = of('Ingress').spec.rules
  for (const { backend } of http.paths) expect(backend.service.name).toBe('livebalance')
  const reaches = (route: string) =>
    http.paths.some(({ path, pathType }: Manifest) =>
      pathType === 'Exact' ? route === path : `${route}/`.startsWith(`${path}/`),
    )
  const web = [
    '/',
    '/admin',
    '/assets/:name',
    '/session.json',
    '/sign-in',
    '/socket.io/',
    '/balance/stream',
  ]
  const routes = [...routesOf(edge().app).map(({ path }) => path), ...web]
  expect(routes.filter((route) => !reaches(route))).toEqual(['/metrics'])
})
