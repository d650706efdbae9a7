import type { Profiler } from 'node:inspector'

/** A function or a part of the program, and its share of the busy samples without its callees. */
export interface Share {
  name: string
  percent: number
}

export interface Shares {
  /** Microseconds of the main thread for each request. */
  perRequest: number
  parts: Share[]
  /** The functions with the largest shares. */
  functions: Share[]
}

/** The source file of a function: a path, `node:…`, or nothing for the runtime itself. */
export type SourceOf = (callFrame: Frame) => string

type Frame = Profiler.Profile['nodes'][number]['callFrame']

/** Samples without work: waiting, and the profiler itself. */
const IDLE = new Set(['(idle)', '(root)'])

/**
 * The time of the main thread in the last `ms` of a profile: for each function, and summed for each library, each of
 * our folders, Node's own JavaScript, and the runtime below it.
 */
export function sharesOf(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  {
    ms,
    requests,
    sourceOf,
    top,
  }: { ms: number; requests: number; sourceOf: SourceOf; top: number },
): Shares {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const functions = new Map<string, number>()
  const parts = new Map<string, number>()
  let busy = 0
  let untilEnd = timeDeltas.reduce((sum, took) => sum + took, 0)
  const add = (to: Map<string, number>, name: string, took: number) =>
    to.set(name, (to.get(name) ?? 0) + took)
  samples.forEach((id, i) => {
    const took = timeDeltas[i] ?? 0
    untilEnd -= took
    const frame = frames.get(id)
    if (!frame || untilEnd > ms * 1000 || IDLE.has(frame.functionName)) return
    busy += took
    const source = sourceOf(frame)
    add(functions, nameOf(frame, source), took)
    add(parts, partOf(frame, source), took)
  })
  const shares = (of: Map<string, number>) =>
    [...of]
      .sort(([, a], [, b]) => b - a)
      .map(([name, took]) => ({ name, percent: Math.round((1000 * took) / busy) / 10 }))
  return {
    perRequest: Math.round((10 * busy) / requests) / 10,
    parts: shares(parts),
    functions: shares(functions).slice(0, top),
  }
}

const LIBRARY = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/

function nameOf({ functionName }: Frame, source: string): string {
  const [, library] = LIBRARY.exec(source) ?? []
  const place = library ?? source.replace(/^.*?(?=src\/)/, '')
  return [functionName || 'anonymous', place && `(${place})`].filter(Boolean).join(' ')
}

function partOf({ functionName }: Frame, source: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (source === '') return 'the runtime and the kernel: sockets, microtasks, built-ins'
  if (source.startsWith('node:'))
    return /http/.test(source) ? 'node:http' : 'Node’s streams, timers, events'
  const [, library] = LIBRARY.exec(source) ?? []
  const [, folder] = /(src\/[^/]+)\/[^/]+$/.exec(source) ?? []
  return library ?? folder ?? 'src'
}
