import { EmbeddedError } from './embedded/error.ts'
import { ConfigError } from './environment.ts'
import { MigrationError } from './ledger/migrate.ts'

/** Why the server did not start, in one line that a person can act on; null for a bug, whose stack is wanted. */
export function startFailure(error: unknown): string | null {
  if (error instanceof MigrationError) return `DATABASE_URL: ${error.message}`
  if (error instanceof ConfigError || error instanceof EmbeddedError) return error.message
  const { code, message, port, address } = error as NodeJS.ErrnoException & {
    port?: number
    address?: string | string[]
  }
  const where = [address].flat()[0]
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken: set PORT to another one, or to 0 for a free one`
    case 'EACCES':
      return `Port ${port} is not open to this user: set PORT to one above 1023`
    case 'EADDRNOTAVAIL':
      return `HOST: ${where ?? 'the address'} is not an address of this machine`
    case 'ECONNREFUSED':
    case 'CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `DATABASE_URL: no database answers at ${where}:${[port].flat()[0]} (${code})`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `DATABASE_URL: the host is not known (${code})`
    case '28P01':
    case '28000':
    case '3D000':
    case '42501':
      return `DATABASE_URL: the database refuses: ${message}`
    default:
      return null
  }
}
