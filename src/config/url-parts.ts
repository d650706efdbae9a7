import { readFileSync } from 'node:fs'

/** An address cannot be used as it stands. The message names the part, never the password. */
export class ConnectionStringError extends Error {}

/** The parameters of a query; each is taken once. */
export class Parameters {
  readonly #values = new Map<string, string>()
  readonly #ignored: ReadonlySet<string>
  readonly #unsupported: Readonly<Record<string, string>>

  /**
   * @param ignored are known, and change nothing
   * @param unsupported are known and cannot be had, with what to do instead
   */
  constructor(
    query: string,
    ignored: ReadonlySet<string>,
    unsupported: Readonly<Record<string, string>>,
  ) {
    this.#ignored = ignored
    this.#unsupported = unsupported
    for (const pair of query.split('&')) {
      if (pair === '') continue
      const at = pair.indexOf('=')
      if (at < 1) throw new ConnectionStringError('a parameter must be name=value')
      const name = decoded('parameter', pair.slice(0, at))
      if (this.#values.has(name)) throw new ConnectionStringError(`${name} is given twice`)
      this.#values.set(name, decoded(name, pair.slice(at + 1)))
    }
  }

  take(name: string): string | undefined {
    const value = this.#values.get(name)
    this.#values.delete(name)
    return value
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.take(name)
    if (value === undefined || (values as readonly string[]).includes(value)) return value as T
    throw new ConnectionStringError(`${name} must be one of ${values.join(', ')}`)
  }

  number(name: string): number | undefined {
    const value = this.take(name)
    if (value === undefined) return undefined
    if (!/^\d{1,6}$/.test(value)) throw new ConnectionStringError(`${name} must be a whole number`)
    return Number(value)
  }

  flag(name: string): boolean | undefined {
    const value = this.oneOf(name, ['true', 'false', '1', '0'])
    return value === undefined ? undefined : value === 'true' || value === '1'
  }

  expectNoOther(): void {
    for (const name of this.#values.keys()) {
      const why = this.#unsupported[name]
      if (why) throw new ConnectionStringError(`${name} is not supported: ${why}`)
      if (!this.#ignored.has(name))
        throw new ConnectionStringError(`${name} is not a known parameter`)
    }
  }
}

/** Of one server, as `host:port`; an IPv6 address stands in brackets. */
export function hostAndPort(text: string): { host: string; port: string } {
  const [, literal, name = '', port = ''] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text) ?? []
  const host = decoded('host', literal ?? name)
  if (literal === undefined && !/^(?:\[[^\]]*\]|[^:[\]]*)(?::[^:]*)?$/.test(text)) {
    throw new ConnectionStringError(
      'the host is malformed: write an IPv6 address in brackets, and encode special characters of the password, such as %40 for @',
    )
  }
  return { host, port }
}

export function portOf(text: string, standard: number): number {
  if (text === '') return standard
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535)
    throw new ConnectionStringError('the port must be a number from 1 to 65535')
  return port
}

/** @throws ConnectionStringError where it cannot be read */
export function file(parameter: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConnectionStringError(`the file of ${parameter} cannot be read (${code}): ${path}`)
  }
}

export function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new ConnectionStringError(
      `the ${part} is not percent-encoded correctly: a % is written %25`,
    )
  }
}
