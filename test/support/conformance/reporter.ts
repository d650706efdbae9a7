import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** Ends the output with a line for each runtime: `conformance: <runtime> <version>: N passed, N failed`. */
export default class ConformanceReporter implements Reporter {
  #summary = ''

  onInit(): void {
    // After the other reporters' last words.
    process.once('exit', () => process.stdout.write(this.#summary))
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = new Map<string, { passed: number; failed: number; skipped: number }>()
    for (const module of modules) {
      const { name } = module.project
      const count = counts.get(name) ?? { passed: 0, failed: 0, skipped: 0 }
      counts.set(name, count)
      count.failed += module.errors().length
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state !== 'pending') count[state] += 1
      }
    }
    const lines = [...counts].map(([name, { passed, failed, skipped }]) => {
      const also = skipped > 0 ? `, ${skipped} skipped` : ''
      return `conformance: ${name}: ${passed} passed, ${failed} failed${also}\n`
    })
    if (unhandled.length > 0) lines.push(`conformance: ${unhandled.length} unhandled errors\n`)
    this.#summary = lines.join('')
  }
}
