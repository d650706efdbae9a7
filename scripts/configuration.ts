import { readFileSync } from 'node:fs'
import { VARIABLES } from '../src/config/variables.ts'

const BEGIN = '<!-- Made of src/config/variables.ts by `npm run docs`. -->'
const END = '<!-- End of what is made. -->'

/** docs/operations.md with its table of settings made anew; the rest is written by hand. */
export function operationsPage(): string {
  const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8')
  const [before = '', rest = ''] = page.split(BEGIN)
  const [, after = ''] = rest.split(END)
  return `${before}${BEGIN}\n\n${configurationTable()}\n\n${END}${after}`
}

function configurationTable(): string {
  const rows = Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const value = schema.safeParse(undefined).data
    const text = value === undefined || Array.isArray(value) ? '' : `\`${value}\``
    return `| \`${name}\` | ${text} | ${schema.description?.replaceAll('|', '\\|')} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}
