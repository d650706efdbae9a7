import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

type WithAxe = { axe?: { run(options: RunOptions): Promise<AxeResults> } }

/**
 * The violations that axe finds on the page.
 * @param rules by their ids; default: all
 */
export async function violations(page: Page, rules?: string[]): Promise<string[]> {
  const isThere = await page.evaluate(() => (window as WithAxe).axe !== undefined)
  if (!isThere) await page.evaluate(AXE)
  const found = await page.evaluate(
    (runOnly) =>
      // What is in order is not described.
      (window as WithAxe).axe?.run({ resultTypes: ['violations'], ...(runOnly && { runOnly }) }),
    rules,
  )
  if (!found) throw new Error('axe was not loaded')
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  )
}
