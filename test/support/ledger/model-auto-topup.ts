export interface ModelRule {
  threshold: bigint
  amount: bigint
  cap: bigint
}

interface ModelRun {
  amount: bigint
  status: 'pending' | 'success' | 'failed'
  /** Of the run, which ends in the round after its topup. */
  ended: boolean
  /** The provider took the charge. */
  taken: boolean
  /** The method that it charged was deleted, before the provider answered. */
  forgotten: boolean
  /** Opened so long ago that it counts for no cap, and is given up. */
  old: boolean
  /** Its money came when it could not be credited. */
  waits: boolean
}

/** How the provider answers a charge. `silent`: its outcome is not known. */
export type Mood = 'accepts' | 'declines' | 'silent'

/** What auto top-up does for one user, as one would write it with nothing but lists. */
export class AutoTopupModel {
  balance = 0n
  hasMethod = false
  isFrozen = false
  rule: (ModelRule & { status: 'active' | 'paused' }) | undefined
  readonly runs: ModelRun[] = []
  /** Which topups the provider was asked to charge, in order. */
  readonly charges: number[] = []

  get topups(): ModelRun['status'][] {
    return this.runs.map(({ status }) => status)
  }

  put(rule: ModelRule): boolean {
    if (this.hasMethod) this.rule = { ...rule, status: 'active' }
    return this.hasMethod
  }

  deleteMethod(): void {
    this.rule = undefined
    this.hasMethod = false
    for (const run of this.runs) run.forgotten ||= !run.ended && !run.taken
  }

  pass(): void {
    for (const run of this.runs) run.old = true
  }

  report(nth: number, isPaid: boolean): void {
    const run = this.runs[nth]
    if (run && !isPaid && run.status === 'pending') run.status = 'failed'
    if (!run || !isPaid || run.status === 'success' || run.waits) return
    if (this.isFrozen || run.status === 'failed') {
      run.waits = true
      return
    }
    run.status = 'success'
    this.balance += run.amount
  }

  round(mood: Mood): void {
    for (const run of this.runs) if (!run.ended && run.status !== 'pending') this.#end(run)
    if (this.#isDue()) {
      const amount = this.rule?.amount ?? 0n
      const run: ModelRun = {
        ...{ amount, status: 'pending', ended: false, taken: false },
        ...{ forgotten: false, old: false, waits: false },
      }
      this.runs.push(run)
      this.#charge(run, mood)
    }
    for (const run of this.runs) {
      if (run.ended || run.taken || run.status !== 'pending') continue
      if (run.old) this.#end(run)
      else if (!run.forgotten) this.#charge(run, mood)
    }
  }

  #isDue(): boolean {
    const { rule } = this
    if (rule?.status !== 'active' || this.isFrozen || rule.threshold <= this.balance) return false
    if (this.runs.some(({ ended }) => !ended)) return false
    const counted = this.runs.filter(({ status, old }) => status !== 'failed' && !old)
    return counted.reduce((sum, { amount }) => sum + amount, rule.amount) <= rule.cap
  }

  #charge(run: ModelRun, mood: Mood): void {
    this.charges.push(this.runs.indexOf(run))
    if (mood === 'accepts') run.taken = true
    else if (mood === 'declines') this.#end(run)
  }

  #end(run: ModelRun): void {
    if (run.status === 'pending') run.status = 'failed'
    run.ended = true
    if (run.status === 'failed' && !run.forgotten && this.rule) this.rule.status = 'paused'
  }
}
