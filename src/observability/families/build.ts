import type { MetricDefinition } from '../family.ts'

/** What runs. */
export const build: readonly MetricDefinition[] = [
  {
    name: 'build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell the version of the server and of Node.',
    read: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
]
