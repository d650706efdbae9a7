import { Histogram, LATENCY_BOUNDS } from '../../lib/instruments.ts'

/** The requests of one route and method that were answered alike. */
export interface Requests {
  route: string
  method: string
  /** `2xx`, …, `5xx`. */
  status: string
  seconds: Histogram
}

/** Counts the requests of one route and method. */
export class RouteMeter {
  readonly #route: string
  readonly #method: string
  /** By the first digit of the status. */
  readonly #classes: (Requests | undefined)[] = []

  constructor(route: string, method: string) {
    this.#route = route
    this.#method = method
  }

  /** @param seconds until the answer began */
  add(status: number, seconds: number): void {
    const digit = Math.floor(status / 100)
    let requests = this.#classes[digit]
    if (!requests) {
      requests = {
        route: this.#route,
        method: this.#method,
        status: `${digit}xx`,
        seconds: new Histogram(LATENCY_BOUNDS),
      }
      this.#classes[digit] = requests
    }
    requests.seconds.add(seconds)
  }

  read(): Requests[] {
    return this.#classes.filter((requests) => requests !== undefined)
  }
}

/** How many requests took how long, by route pattern, method and class of status. Never by path: paths have no end. */
export class RequestMeter {
  readonly #routes = new Map<string, RouteMeter>()

  of(route: string, method: string): RouteMeter {
    const key = `${method} ${route}`
    let meter = this.#routes.get(key)
    if (!meter) {
      meter = new RouteMeter(route, method)
      this.#routes.set(key, meter)
    }
    return meter
  }

  *read(): Iterable<Requests> {
    for (const meter of this.#routes.values()) yield* meter.read()
  }
}
