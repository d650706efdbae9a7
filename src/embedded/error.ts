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
