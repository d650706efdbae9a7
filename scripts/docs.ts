import { writeFileSync } from 'node:fs'
import { configurationPage } from './configuration.ts'
import { dashboard } from './dashboard.ts'
import { envExample } from './env-example.ts'
import { errorsPage } from './errors.ts'
import { licencesPage } from './licences.ts'
import { metricsPage } from './metrics-page.ts'
import { nginxCluster } from './nginx-cluster.ts'
import { asyncApiText, openApiText } from './openapi.ts'
import { growthPicture, performancePage } from './performance-page.ts'
import { resultsPage } from './results-page.ts'
import { supportPage } from './support-page.ts'

/** The files that are made from code, by path. A test compares them with the committed ones. */
export const GENERATED: Readonly<Record<string, () => string | Promise<string>>> = {
  '.env.example': envExample,
  'deploy/nginx/livebalance.conf': nginxCluster,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/licences.md': licencesPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/support.md': supportPage,
  'deploy/grafana/livebalance.json': dashboard,
  'docs/reference/asyncapi.json': asyncApiText,
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/openapi.json': openApiText,
  'bench/RESULTS.md': () => resultsPage(),
  'docs/reference/performance.md': () => performancePage(),
  'docs/reference/growth.svg': () => growthPicture(),
}

if (import.meta.filename === process.argv[1]) {
  for (const [path, make] of Object.entries(GENERATED)) {
    writeFileSync(new URL(`../${path}`, import.meta.url), await make())
  }
}
