/** Seconds in each unit. */
export const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** Parses `7d`, `24h`, `30m`, `90s` or plain seconds into seconds. Undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? []
  if (digits === undefined) return undefined
  return Number(digits) * UNITS[(unit || 's') as keyof typeof UNITS]
}
