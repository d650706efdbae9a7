import { DiagLogLevel, diag } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { TracingConfig } from '../config/config.ts'
import type { Logger } from '../lib/log.ts'
import { LogBudget } from '../lib/log-limits.ts'

export interface ProviderOptions {
  config: TracingConfig
  /** The version of the server. */
  version: string
  log: Logger
}

/** Sends spans in batches, as OTLP in JSON over HTTP. Spans that the collector does not take are dropped. */
export function createProvider({ config, version, log }: ProviderOptions): TracerProvider {
  const budget = new LogBudget(log, 1)
  const warn = (message: string) => {
    if (budget.take()) log.warn(`OpenTelemetry: ${message}`)
  }
  diag.setLogger(
    { error: warn, warn, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({ 'service.name': config.serviceName, 'service.version': version }),
    )
    .merge(detectResources({ detectors: [envDetector] }))
  const exporter = new OTLPTraceExporter({ url: config.url })
  return new TracerProvider({
    resource,
    sampler: createSampler(config),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  })
}

function createSampler({ sampler, ratio }: TracingConfig): Sampler {
  const [kind, root] = sampler.startsWith('parentbased_')
    ? ['parentbased', sampler.slice('parentbased_'.length)]
    : ['plain', sampler]
  const own =
    root === 'traceidratio'
      ? new TraceIdRatioBasedSampler(ratio)
      : root === 'always_off'
        ? new AlwaysOffSampler()
        : new AlwaysOnSampler()
  return kind === 'parentbased' ? new ParentBasedSampler({ root: own }) : own
}
