import { VARIABLES } from '../src/config/variables.ts'

/** Writes docs/reference/configuration.md: every setting. */
export function configurationPage(): string {
  const rows = Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const value = schema.safeParse(undefined).data
    const text = value === undefined || typeof value === 'object' ? '' : `\`${value}\``
    return `| \`${name}\` | ${text} | ${schema.description?.replaceAll('|', '\\|')} |`
  })
  return `# Configuration

Every setting is an environment variable. The server checks them all at start. It names each value that is not valid,
and does not start. [.env.example](../../.env.example) is a file to copy.

| variable | default | meaning |
|---|---|---|
${rows.join('\n')}
`
}
