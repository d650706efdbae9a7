import type { Sample } from './samples.ts'
import type { Sources } from './sources.ts'

export interface MetricDefinition {
  /** Without the prefix. */
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  labels: readonly string[]
  help: string
  read(sources: Sources): Iterable<Sample> | Promise<Iterable<Sample>>
}
