/** No worker could be started. It has reported the reason. */
export class NoWorkerStarted extends Error {
  override readonly name = 'NoWorkerStarted'
}
