import type { Profiler } from 'node:inspector'

/** A function, or a part of the runtime, and its share of the samples by itself. */
export interface Share {
  name: string
  percent: number
}

/** No work: waiting, and the profiler's own. */
const IDLE = new Set(['(idle)', '(root)'])

/**
 * The functions that the main thread spent most of its time in by themselves.
 * @param from share of the recorded time to leave out at the start, while code is compiled
 */
export function topFunctions(profile: Profiler.Profile, count: number, from = 0.4): Share[] {
  const { nodes, samples = [], timeDeltas = [], startTime, endTime } = profile
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const spent = new Map<string, number>()
  let at = 0
  let total = 0
  samples.forEach((id, i) => {
    const took = timeDeltas[i] ?? 0
    at += took
    const name = names.get(id) ?? ''
    if (at < (endTime - startTime) * from || IDLE.has(name)) return
    total += took
    spent.set(name, (spent.get(name) ?? 0) + took)
  })
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, took]) => ({ name, percent: Math.round((1000 * took) / total) / 10 }))
}

function nameOf({ functionName, url }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const [, library] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  const place = library ?? (url.startsWith('node:') ? url.replace(/^node:internal\//, 'node:') : '')
  return [functionName || 'anonymous', place && `(${place})`].filter(Boolean).join(' ')
}
