import type postgres from 'postgres'
import { connect, type Sql } from '../../src/postgres/database.ts'

export interface Plan {
  /** Blocks that the statement and its calls found in Postgres's buffers or read. */
  blocks: number
  /** The scans, innermost first. */
  scans: string[]
  /** The text of auto_explain. */
  text: string
}

/** Runs the server's statements and reads their plans from auto_explain. */
export class PlanReader {
  readonly sql: Sql
  readonly #notices: string[] = []

  /** One session of a role that may load auto_explain. */
  constructor(url: string) {
    this.sql = connect(url, {
      max: 1,
      onNotice: ({ message }: postgres.Notice) => void this.#notices.push(message ?? ''),
    })
  }

  async open(): Promise<void> {
    await this.sql.unsafe(`
      load 'auto_explain'; set auto_explain.log_analyze = on; set auto_explain.log_buffers = on;
      set auto_explain.log_min_duration = -1; set auto_explain.log_timing = off; set auto_explain.log_nested_statements = on;
      set client_min_messages = log`)
  }

  /** The caller's waiting time in milliseconds. */
  async time(run: () => Promise<unknown>): Promise<number> {
    const began = performance.now()
    await run()
    return performance.now() - began
  }

  /** The plan. */
  async explain(run: () => Promise<unknown>): Promise<Plan> {
    this.#notices.length = 0
    await this.sql`set auto_explain.log_min_duration = 0`
    await run()
    await this.sql`set auto_explain.log_min_duration = -1`
    const plans = this.#notices.filter((text) => text.startsWith('duration:'))
    const text = plans.filter((plan) => !/auto_explain/.test(plan)).join('\n')
    return { blocks: blocksOf(plans), scans: scansOf(text), text }
  }
}

/** The first line of buffers is that of the outermost statement, which includes its calls. */
function blocksOf(plans: string[]): number {
  const all = plans.map((plan) => {
    const [, hit = '0'] = /Buffers: shared(?: hit=(\d+))?/.exec(plan) ?? []
    const [, read = '0'] = /Buffers: shared(?: hit=\d+)? read=(\d+)/.exec(plan) ?? []
    return Number(hit) + Number(read)
  })
  return Math.max(0, ...all)
}

function scansOf(plan: string): string[] {
  const lines = plan.match(
    /(Index Only Scan|Index Scan|Bitmap Index Scan|Seq Scan|Sort)( Backward)?( using \w+)?( on \w+)?/g,
  )
  return [...new Set(lines ?? [])].filter((line) => / on |Sort/.test(line))
}
