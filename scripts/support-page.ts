import { SUPPORT, type SupportRow } from './support.ts'

/** Writes docs/reference/support.md from the table in scripts/support.ts. */
export function supportPage(): string {
  const sections = Object.entries(SUPPORT).map(
    ([name, rows]) => `## ${name}

| what | tested with | test | command in CI | known limits |
|---|---|---|---|---|
${rows.map(line).join('\n')}
`,
  )
  return `# What is supported

Made from \`scripts/support.ts\` by \`npm run docs\`. Each row has a test, which \`.ci/run\` calls: \`npm test\` or the named
command. A test holds this page: a row without its test fails it. A test that needs a program of the machine (Redis,
Chromium, PgBouncer, a proxy) is skipped where that is not installed. CI installs them from Debian or Ubuntu; the
versions named as Debian’s are those of Debian 12.

${sections.join('\n')}`
}

function line({ what, versions, test: [file], command, limits }: SupportRow): string {
  return `| ${what} | ${versions} | [${file}](../../${file}) | \`${command}\` | ${limits} |`
}
