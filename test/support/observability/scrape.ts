export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

/** A parsed scrape: the names with their type, and every sample. */
export interface Scrape {
  types: Map<string, string>
  samples: Sample[]
  /** The value of the one sample with these labels among others; undefined if there is none. */
  value(name: string, labels?: Record<string, string>): number | undefined
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics: ${response.status}`)
  return parse(await response.text())
}

export function parse(text: string): Scrape {
  const types = new Map<string, string>()
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined) types.set(typed, type ?? '')
    const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined) continue
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
    samples.push({
      name,
      labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])),
      value: Number(value),
    })
  }
  return {
    types,
    samples,
    value(name, wanted = {}) {
      const found = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(wanted).every(([key, text]) => sample.labels[key] === text),
      )
      if (found.length > 1) throw new Error(`${name} ${JSON.stringify(wanted)} is not one sample`)
      return found[0]?.value
    },
  }
}
