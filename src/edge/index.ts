/** The balance server inside of a program that serves HTTP itself: with Deno, with Bun, or by plain `fetch`. */
export { type Balance, type Peer, startBalance } from './balance.ts'
export { bunOptions } from './bun.ts'
export { denoHandler } from './deno.ts'
