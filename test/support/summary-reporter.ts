import { writeFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'
import './provided.ts'

/**
 * Ends the output with a line to count by, `N passed, N failed, N skipped`. Above it: why tests were skipped, and which
 * ones passed only when they were tried again. The files that failed go to the file that `FAILED_FILES` names, one a line:
 * none, where an error belongs to no file.
 */
export default class SummaryReporter implements Reporter {
  #summary = ''

  onInit(): void {
    // After the other reporters' last words.
    process.once('exit', () => process.stdout.write(this.#summary))
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 }
    const reasons = new Map<string, number>()
    const lines: string[] = []
    const failedFiles: string[] = []
    for (const module of modules) {
      if (module.state() === 'failed') failedFiles.push(`${module.relativeModuleId}\n`)
      // A file that did not load or a hook that threw makes a run fail without a failed test.
      count.failed += errorsOf(module)
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'passed') {
          count.passed++
          if (test.diagnostic()?.flaky) lines.push(`passed at the second try: ${test.fullName}`)
        } else if (result.state === 'failed') count.failed++
        else {
          count.skipped++
          const reason = reasonOf(test)
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        }
      }
    }
    const list = process.env.FAILED_FILES
    if (list) writeFileSync(list, unhandled.length === 0 ? failedFiles.join('') : '')
    for (const [reason, times] of reasons) lines.push(`skipped ${times}: ${reason}`)
    lines.push(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
    this.#summary = `${lines.join('\n')}\n`
  }
}

function errorsOf(module: TestModule): number {
  let errors = module.errors().length
  for (const suite of module.children.allSuites()) errors += suite.errors().length
  return errors
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note) return result.note
  for (let task: TestCase | TestSuite | TestModule = test; ; task = task.parent) {
    const { skipReason } = task.meta()
    if (skipReason) return skipReason
    if (task.type === 'module') return `${task.relativeModuleId}, without a reason given`
  }
}
