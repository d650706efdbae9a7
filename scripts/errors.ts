import { TOKEN_REASONS } from '../src/auth/tokens.ts'
import { ERRORS } from '../src/http/errors.ts'

/** Writes docs/reference/errors.md: all error codes. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .sort(([, [a]], [, [b]]) => (a ?? 999) - (b ?? 999))
    .map(([code, [status, meaning]]) => `| \`${code}\` | ${status ?? 'real time'} | ${meaning} |`)
  const reasons = Object.entries(TOKEN_REASONS).map(
    ([reason, text]) => `| \`${reason}\` | ${text} |`,
  )
  return `# Error codes

Every error answer is JSON of the form \`{code, message, requestId, details?}\`. A real-time connection gets \`code\` and
\`message\` in \`connect_error\` or in an \`error\` event. Programs should read \`code\`. The set of codes is closed, and a
code keeps its meaning. \`message\` is for people and may change.

| code | HTTP status | meaning |
|---|---|---|
${rows.join('\n')}

## Why a token was rejected

A 401 has the reason in \`details.reason\`, and \`details.claim\` names the claim if there is one.
\`WWW-Authenticate\` has it as \`error_description\` after \`error="invalid_token"\`. Socket.IO's \`connect_error\` and the
answer to \`authenticate\` have the same \`details\`. The log has a line for each reason except \`expired\` and \`revoked\`, at
most ten a second. This set is closed too.

| reason | meaning |
|---|---|
${reasons.join('\n')}
`
}
