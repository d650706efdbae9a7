import { CODES } from '../src/http/codes.ts'

/** docs/errors.md: the closed set of codes. */
export function errorsPage(): string {
  const rows = Object.entries(CODES)
    .sort(([, [a]], [, [b]]) => (a ?? 999) - (b ?? 999))
    .map(([code, [status, meaning]]) => `| \`${code}\` | ${status ?? 'real time'} | ${meaning} |`)
  return `# Error codes

Every error answer is JSON of one form, \`{code, message, requestId, details?}\`; a real-time connection gets
\`code\` and \`message\` in \`connect_error\` or in an \`error\` event. Programs read \`code\`: the set is closed, and
a code keeps its meaning. \`message\` is for people and may change.

| code | HTTP status | meaning |
|---|---|---|
${rows.join('\n')}
`
}
