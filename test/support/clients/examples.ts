import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../../src/lib/package-root.ts'

/** The code block of docs/guide/other-clients.md that follows a comment with this name, for this server and token. */
export function example(name: string, url: string, token: string): string {
  const guide = readFileSync(join(PACKAGE_ROOT, 'docs/guide/other-clients.md'), 'utf8')
  const found = new RegExp(`<!-- example: ${name} -->\n\`\`\`\\w+\n(.*?)\`\`\``, 's').exec(guide)
  if (!found?.[1]) throw new Error(`the guide has no example ${name}`)
  return found[1].replaceAll('http://localhost:3000', url).replaceAll('your-jwt-token', token)
}
