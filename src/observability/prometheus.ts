import type { MetricValueWithName, Registry } from 'prom-client'
import { Histogram } from '../lib/histogram.ts'
import type { Exposition } from '../routes/metrics.ts'
import { FAMILIES, PREFIX } from './families.ts'
import type { MetricDefinition } from './family.ts'
import type { Sample } from './samples.ts'
import type { Sources } from './sources.ts'

/**
 * All metrics in Prometheus's text format. Nothing is kept for it between scrapes; the library that writes
 * it, and watches Node itself, is loaded at the first one. Scrapes that come together share one reading.
 */
export function exposition(sources: Sources): () => Promise<Exposition> {
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

async function createRegistry(sources: Sources): Promise<Registry> {
  const { default: prometheus } = await import('prom-client')
  const registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  for (const family of FAMILIES) {
    // The library's own classes count by hashing labels each time; ours are read where they were counted.
    registry.registerMetric({
      name: PREFIX + family.name,
      get: () => valuesOf(family, sources),
    } as never)
  }
  return registry
}

async function valuesOf(family: MetricDefinition, sources: Sources) {
  const name = PREFIX + family.name
  const samples = [...(await family.read(sources))]
  return {
    name,
    help: family.help,
    type: family.type,
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
