import { VARIABLES } from '../config/variables.ts'
import { UsageError } from './command.ts'
import type { CommandConfig } from './config.ts'

/**
 * The server to talk to: `--url`, else LIVEBALANCE_URL, else localhost.
 * @throws UsageError for a `--url` that LIVEBALANCE_URL could not be
 */
export function serverUrl(
  { serverUrl }: Pick<CommandConfig, 'serverUrl'>,
  url: string | undefined,
): string {
  const { error } = VARIABLES.shape.LIVEBALANCE_URL.safeParse(url)
  if (error) throw new UsageError(`--url ${error.issues[0]?.message}`)
  return url ?? serverUrl
}
