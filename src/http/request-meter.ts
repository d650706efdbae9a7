import { Distribution, LATENCY_BOUNDS } from '../metrics/distribution.ts'

/** The requests of one route and method that were answered alike. */
export interface Requests {
  route: string
  method: string
  /** `2xx`, …, `5xx`. */
  status: string
  seconds: Distribution
}

/** How many requests took how long, by route pattern, method and class of status. Never by path: paths have no end. */
export class RequestMeter {
  readonly #routes = new Map<string, Map<string, Requests[]>>()

  /** @param seconds until the answer began */
  add(route: string, method: string, status: number, seconds: number): void {
    let methods = this.#routes.get(route)
    if (!methods) {
      methods = new Map()
      this.#routes.set(route, methods)
    }
    let classes = methods.get(method)
    if (!classes) {
      classes = []
      methods.set(method, classes)
    }
    const digit = Math.floor(status / 100)
    let requests = classes[digit]
    if (!requests) {
      requests = { route, method, status: `${digit}xx`, seconds: new Distribution(LATENCY_BOUNDS) }
      classes[digit] = requests
    }
    requests.seconds.add(seconds)
  }

  *read(): Iterable<Requests> {
    for (const methods of this.#routes.values()) {
      for (const classes of methods.values()) {
        for (const requests of classes) if (requests) yield requests
      }
    }
  }
}
