import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { METRICS, PREFIX } from '../../src/observability/metric-definitions.ts'
import { describeWithRedis, mintToken } from '../support/index.ts'
import { FIRING } from '../support/observability/alert-cases.ts'
import { test as base } from '../support/observability/booted.ts'
import { selectorsIn } from '../support/observability/promql.ts'
import { type Scrape, scrape } from '../support/observability/scrape.ts'

const ALERTS = 'deploy/prometheus/alerts.yml'

interface Rule {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string; runbook: string }
}

const rules: Rule[] = parseYaml(readFileSync(ALERTS, 'utf8')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
)

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[]
  templating: { list: { query: string | { query: string } }[] }
}

const dashboard: Dashboard = JSON.parse(readFileSync('deploy/grafana/livebalance.json', 'utf8'))
const expressions = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ query }) => {
    const [, metric] =
      /^label_values\((.+), \w+\)$/.exec(typeof query === 'string' ? query : query.query) ?? []
    return metric === undefined ? [] : [metric]
  }),
]

/** Metrics of Prometheus itself, and the labels that it adds to every sample. */
const OF_PROMETHEUS = new Set(['up'])
const TARGET_LABELS = ['job', 'instance']

/** The metrics of a server after one request of each kind. */
const test = base.extend('exported', { scope: 'file' }, ({ server }) => exercised(server.url))

describeWithRedis('the dashboard and the alert rules', () => {
  /** The labels of a metric's samples; without samples, those of its definition. */
  function labelsOf(exported: Scrape, name: string): Set<string> | undefined {
    const family = name.replace(/_(bucket|sum|count)$/, '')
    const base = exported.types.has(name) ? name : family
    const type = exported.types.get(base)
    if (type === undefined || (base !== name && type !== 'histogram')) return undefined
    const ours = METRICS.find((candidate) => PREFIX + candidate.name === base)
    const seen = exported.samples.filter((sample) => sample.name === name)
    return new Set([
      ...TARGET_LABELS,
      ...(ours?.labels ?? []),
      ...seen.flatMap(({ labels }) => Object.keys(labels)),
      ...(name.endsWith('_bucket') ? ['le'] : []),
    ])
  }

  test('name only metrics that the server exports, and labels that they have', ({ exported }) => {
    const used = new Set<string>()
    let matchers = 0
    for (const expression of [...expressions, ...rules.map(({ expr }) => expr)]) {
      const { selectors, groupings } = selectorsIn(expression)
      expect([expression, selectors.length]).not.toEqual([expression, 0])
      const known = new Set<string>()
      for (const { metric, labels } of selectors) {
        if (OF_PROMETHEUS.has(metric)) continue
        const has = labelsOf(exported, metric)
        if (!has) throw new Error(`${metric} is not exported: ${expression}`)
        used.add(metric)
        for (const label of has) known.add(label)
        for (const { name, values } of labels) {
          matchers += 1
          expect([metric, [...has]]).toEqual([metric, expect.arrayContaining([name])])
          expectValues(exported, metric, name, values)
        }
      }
      for (const label of groupings) {
        expect([expression, [...known]]).toEqual([expression, expect.arrayContaining([label])])
      }
    }
    const families = new Set([...used].map((name) => name.replace(/_(bucket|sum|count)$/, '')))
    const unseen = METRICS.map(({ name }) => PREFIX + name).filter(
      (name) => !families.has(name) && !used.has(name),
    )
    // A metric that no panel shows would not be found.
    expect(unseen).toEqual([])
    console.log(
      `dashboard and alerts: ${dashboard.panels.length} panels, ${expressions.length} queries, ` +
        `${rules.length} rules, ${used.size} metrics, ${matchers} label matchers: all exported`,
    )
  })

  /** All states are exported, not only the current one. */
  function expectValues(exported: Scrape, metric: string, name: string, values: string[]) {
    if (name !== 'state' && name !== 'result' && name !== 'recovered') return
    const there = exported.samples
      .filter((sample) => sample.name === metric)
      .map(({ labels }) => labels[name])
    expect([metric, there]).toEqual([metric, expect.arrayContaining(values)])
  }

  test('the runbook names only panels of the dashboard', () => {
    const named = [
      ...readFileSync('docs/reference/runbook.md', 'utf8').matchAll(/^- .*$/gm),
    ].flatMap(([line]) => [...line.matchAll(/“([^”]+)”/g)].map(([, name]) => name))
    expect(named.length).toBeGreaterThan(10)
    const titles = dashboard.panels.map(({ title }) => title)
    expect(named.filter((name) => !titles.includes(name ?? ''))).toEqual([])
  })

  test('each rule has a section in the runbook, and each section has a rule', () => {
    const headings = [...readFileSync('docs/reference/runbook.md', 'utf8').matchAll(/^## (\S+)$/gm)]
    expect(rules.map(({ alert }) => alert).sort()).toEqual(headings.map(([, name]) => name).sort())
    for (const { alert, labels, annotations } of rules) {
      expect(annotations.runbook).toBe(`docs/reference/runbook.md#${alert.toLowerCase()}`)
      expect(annotations.summary).not.toBe('')
      expect(labels.severity).toMatch(/^(critical|warning|info)$/)
    }
  })

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0
  const meta = hasPromtool ? {} : { skipReason: 'needs promtool on the PATH' }
  describe.skipIf(!hasPromtool)('by promtool', { meta }, () => {
    const promtool = (...parameters: string[]) => {
      const { status, stdout, stderr } = spawnSync('promtool', parameters, { encoding: 'utf8' })
      expect([status, stdout + stderr]).toEqual([0, expect.any(String)])
    }

    test('are valid', () => {
      promtool('check', 'rules', ALERTS)
      promtool('check', 'config', 'deploy/prometheus/prometheus.yml')
      for (const expression of expressions) expect(expression).toBe(expression.trim())
    })

    test('each alert fires for its cause, and none for a healthy server', ({ exported }) => {
      expect(Object.keys(FIRING).sort()).toEqual(rules.map(({ alert }) => alert).sort())
      const well = exported.samples
        .filter(({ value }) => Number.isFinite(value))
        .map(({ name, labels, value }) => ({
          series: seriesOf(name, labels),
          values: `${value}x90`,
        }))
      const up = { series: seriesOf('up', {}), values: '1x90' }
      const tests = [
        unit('a server that is well', [...well, up], undefined),
        ...Object.entries(FIRING).map(([alert, series]) => unit(alert, inputs(series), alert)),
      ]
      const file = join(mkdtempSync(join(inject('runFolder'), 'rules-')), 'test.json')
      const document = {
        rule_files: [join(process.cwd(), ALERTS)],
        evaluation_interval: '1m',
        tests,
      }
      writeFileSync(file, JSON.stringify(document))
      promtool('test', 'rules', file)
      console.log(`alerts: ${Object.keys(FIRING).length} fire, none on a healthy server`)
    })
  })
})

const seriesOf = (name: string, labels: Record<string, string>) => {
  const all = { ...labels, job: 'livebalance', instance: 'one' }
  return `${name}{${Object.entries(all)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join()}}`
}

/** `name{labels}` or a bare name, each with its values over time in promtool's notation. */
const inputs = (series: Record<string, string>) =>
  Object.entries(series).map(([selector, values]) => {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(selector) ?? []
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value])
    return { series: seriesOf(name, Object.fromEntries(pairs)), values }
  })

function unit(
  name: string,
  input_series: { series: string; values: string }[],
  firing: string | undefined,
) {
  const expr = `count(ALERTS{alertstate="firing"${firing ? `, alertname="${firing}"` : ''}}) > bool 0`
  const exp_samples = firing ? [{ labels: '{}', value: 1 }] : []
  return {
    name,
    interval: '1m',
    input_series,
    promql_expr_test: [{ expr, eval_time: '85m', exp_samples }],
  }
}

/** The metrics of a server after a few requests. */
async function exercised(url: string): Promise<Scrape> {
  const gift = { userId: 'deployed-alice', amount: 5, description: 'a gift' }
  const asked = await fetch(`${url}/transactions/adjustment`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${await mintToken({ sub: 'ada', roles: ['admin'] })}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify(gift),
  })
  expect(asked.status).toBe(201)
  const token = await mintToken({ sub: 'deployed-alice' })
  const stream = await fetch(`${url}/balance/stream?token=${token}`)
  const exported = await scrape(url)
  await stream.body?.cancel()
  return exported
}
