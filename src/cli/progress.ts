import { count, type Terminal } from './terminal.ts'

/** Milliseconds between two drawings. */
const PACE = 100

/** Characters of the bar. */
const WIDTH = 24

/** A bar on the terminal's last line while something takes long; silent where no person looks. */
export class Progress {
  readonly #terminal: Terminal
  readonly #label: string
  readonly #began: number
  readonly #now: () => number
  #drawn = Number.NEGATIVE_INFINITY

  /** @param now milliseconds, for the time that is left */
  constructor(terminal: Terminal, label: string, now: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#label = label
    this.#now = now
    this.#began = now()
  }

  show(done: number, of: number): void {
    const now = this.#now()
    if (!this.#terminal.redraw || now - this.#drawn < PACE) return
    this.#drawn = now
    const part = of > 0 ? Math.min(1, done / of) : 0
    const filled = Math.round(part * WIDTH)
    const bar = '#'.repeat(filled).padEnd(WIDTH, '-')
    const left = part > 0 ? ((now - this.#began) * (1 - part)) / part / 1000 : undefined
    const time = left === undefined ? '' : `, ${duration(left)} left`
    this.#terminal.redraw(
      `${this.#label} [${bar}] ${Math.floor(part * 100)} %, ${count(done)} of ${count(of)}${time}`,
    )
  }

  /** Clears the line; call it before anything else is printed. */
  end(): void {
    this.#terminal.redraw?.(null)
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.round(whole / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
