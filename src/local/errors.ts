import { ConfigError } from '../config/config.ts'
import { failureOf, isSqlState, isTlsFailure } from '../postgres/errors.ts'
import { MigrationError } from '../postgres/migrate.ts'
import { TenantDatabaseError } from '../tenants/homes.ts'

/** A private Postgres or Redis could not be started. `message` is one line for the terminal. */
export class EmbeddedError extends Error {
  override readonly name: string = 'EmbeddedError'
}

/** Another running server uses the data folder. */
export class FolderInUse extends EmbeddedError {
  override readonly name = 'FolderInUse'
  readonly pid: number

  constructor(folder: string, pid: number) {
    super(
      `The data folder ${folder} is in use by process ${pid}: stop that one, or set DATA_DIR to another folder.`,
    )
    this.pid = pid
  }
}

/** Turns an error of the file system into one line with advice. Returns any other error unchanged. */
export function aboutFolder(error: unknown, folder: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (!(error instanceof Error) || !code || !syscall) return error
  return new EmbeddedError(
    `The data folder ${folder} cannot be used (${message}): set DATA_DIR to another folder.`,
    { cause: error },
  )
}

/** Explains a failed start in one line that a person can act on. Null for a bug, which needs its stack. */
export function startFailure(error: unknown): string | null {
  if (error instanceof TenantDatabaseError) return `TENANT_DATABASES: ${error.message}`
  if (error instanceof MigrationError) return `DATABASE_URL: ${error.message}`
  if (error instanceof ConfigError || error instanceof EmbeddedError) return error.message
  return portFailure(error as SystemError) ?? databaseFailure(error as SystemError)
}

type SystemError = NodeJS.ErrnoException & { port?: number | number[]; address?: string | string[] }

function portFailure({ code, syscall, port, address }: SystemError): string | null {
  if (syscall !== 'listen') return null
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken: set PORT to another one, or to 0 for a free one`
    case 'EACCES':
      return `Port ${port} is not open to this user: set PORT to one above 1023`
    case 'EADDRNOTAVAIL':
      return `HOST: ${address ?? 'the address'} is not an address of this machine`
    default:
      return null
  }
}

function databaseFailure(error: SystemError): string | null {
  const { code = '', message } = error
  if (!failureOf(error)) return null
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return `DATABASE_URL: the host is not known (${code})`
  }
  if (isSqlState(code)) {
    const pooler = /startup parameter/.test(message) ? ': for PgBouncer, add pgbouncer=true' : ''
    return `DATABASE_URL: the database refuses: ${message.split('\n')[0]}${pooler}`
  }
  if (code === 'NO_FIT_SERVER') return `DATABASE_URL: ${message}`
  if (isTlsFailure(code)) {
    return `DATABASE_URL: TLS with the database failed: ${message.split('\n')[0]} (${code})`
  }
  const [address] = [error.address].flat()
  const [port] = [error.port].flat()
  const where = [address, port].filter((part) => part !== undefined).join(':')
  return `DATABASE_URL: no database answers${where && ` at ${where}`} (${code})`
}
