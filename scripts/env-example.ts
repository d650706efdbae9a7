import { VARIABLES } from '../src/config/variables.ts'

/** Writes `.env.example`: every variable with its description and default, commented out. */
export function envExample(): string {
  const entries = Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const value = defaultText(schema.safeParse(undefined).data)
    return `${wrap(schema.description ?? '')}\n# ${name}=${value}\n`
  })
  return `${wrap('Copy to .env for docker compose; node does not read it by itself.')}\n\n${entries.join('\n')}`
}

function defaultText(value: unknown): string {
  return value === undefined || typeof value === 'object' ? '' : String(value)
}

function wrap(text: string): string {
  return (text.match(/.{1,88}(\s|$)/g) ?? []).map((line) => `# ${line.trim()}`).join('\n')
}
