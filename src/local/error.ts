/** A private Postgres or Redis could not be had. `message` is one line, fit for the terminal. */
export class EmbeddedError extends Error {
  override readonly name: string = 'EmbeddedError'
}

/** Another live server holds the data folder. */
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

/** A refusal of the file system, as one line that says what to do about it; any other error as it is. */
export function aboutFolder(error: unknown, folder: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (!(error instanceof Error) || !code || !syscall) return error
  return new EmbeddedError(
    `The data folder ${folder} cannot be used (${message}): set DATA_DIR to another folder.`,
    { cause: error },
  )
}
