import type { MetricValueWithName, Registry } from 'prom-client'
import { Histogram } from '../lib/instruments.ts'
import type { Exposition } from '../routes/deps.ts'
import { METRICS, PREFIX } from './metric-definitions.ts'
import type { MetricDefinition, MetricSources, Sample } from './metrics.ts'

/**
 * Writes all metrics in Prometheus's text format. The library that writes it and measures Node itself is
 * loaded at the first scrape. Scrapes at the same time share one reading.
 */
export function createExposition(sources: MetricSources): () => Promise<Exposition> {
  let registry: Promise<Registry> | undefined
  let scrape: Promise<Exposition> | undefined

  async function read(): Promise<Exposition> {
    registry ??= createRegistry(sources)
    const { contentType, metrics } = await registry.then((loaded) => ({
      contentType: loaded.contentType,
      metrics: loaded.metrics(),
    }))
    return { contentType, text: await metrics }
  }

  return () => {
    scrape ??= read().finally(() => {
      scrape = undefined
    })
    return scrape
  }
}

async function createRegistry(sources: MetricSources): Promise<Registry> {
  const { default: prometheus } = await import('prom-client')
  const registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  for (const metric of METRICS) {
    // The library's own counters hash their labels at each count. Ours are plain numbers, read at a scrape.
    registry.registerMetric({
      name: PREFIX + metric.name,
      get: () => valuesOf(metric, sources),
    } as never)
  }
  return registry
}

async function valuesOf(metric: MetricDefinition, sources: MetricSources) {
  const name = PREFIX + metric.name
  const samples = [...(await metric.read(sources))]
  return {
    name,
    help: metric.help,
    type: metric.type,
    aggregator: 'sum',
    values: samples.flatMap((sample) => valuesOfSample(name, sample)),
  }
}

function valuesOfSample(
  metricName: string,
  { labels = {}, value }: Sample,
): MetricValueWithName<string>[] {
  if (!(value instanceof Histogram)) return [{ metricName, labels, value }]
  let below = 0
  const buckets = value.counts.map((count, i) => {
    below += count
    const le = String(value.bounds[i] ?? '+Inf')
    return { metricName: `${metricName}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${metricName}_sum`, labels, value: value.sum },
    { metricName: `${metricName}_count`, labels, value: below },
  ]
}
