import type { Histogram } from '../lib/histogram.ts'
import type { LabeledCounter } from '../lib/labeled-counter.ts'

export interface Sample {
  labels?: Record<string, string>
  value: number | Histogram
}

export function one(value: number | Histogram): Sample[] {
  return [{ value }]
}

/** No sample at all of what is not known. */
export function known(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ value }]
}

export function tallied(tally: LabeledCounter): Sample[] {
  return [...tally.read()].map(({ labels, count }) => ({ labels, value: count }))
}

/** 1 for the state that is, and 0 for every other. */
export function states(all: readonly string[], current: string): Sample[] {
  return all.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 }))
}
