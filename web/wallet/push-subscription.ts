import type { Language } from '../lib/language.ts'

/** Why this browser cannot be notified. */
export type Obstacle = 'unsupported' | 'install' | 'insecure'

/** Undefined: it can be. */
export function obstacle(): Obstacle | undefined {
  if (!isSecureContext) return 'insecure'
  if ('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window) {
    return undefined
  }
  // Safari on iOS notifies only for a site on the home screen.
  return /iPhone|iPad/.test(navigator.userAgent) ? 'install' : 'unsupported'
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string }
}

const WORKER = '/worker.js'

let workerUrl: string | undefined

/** The page's policy trusts no other script. A browser without Trusted Types takes the text. */
function trustedWorker(): string {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes }
  workerUrl ??=
    trustedTypes?.createPolicy('worker', { createScriptURL: () => WORKER }).createScriptURL('') ??
    WORKER
  return workerUrl
}

/** The subscription of this browser, if it has one. */
export async function currentSubscription(): Promise<PushSubscription | null> {
  if (obstacle()) return null
  const registration = await navigator.serviceWorker.getRegistration('/')
  return (await registration?.pushManager.getSubscription()) ?? null
}

/** Subscribes this browser with the server's key. One with another key is of a former server, and is replaced. */
export async function subscribe(publicKey: string): Promise<PushSubscription> {
  await navigator.serviceWorker.register(trustedWorker(), { scope: '/' })
  const { pushManager } = await navigator.serviceWorker.ready
  const key = bytesOf(publicKey)
  const known = await pushManager.getSubscription()
  if (known && isSame(known.options.applicationServerKey, key)) return known
  await known?.unsubscribe()
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function isSame(one: ArrayBuffer | null, other: Uint8Array): boolean {
  if (!one) return false
  const bytes = new Uint8Array(one)
  return bytes.length === other.length && bytes.every((byte, i) => byte === other[i])
}

const KEY = 'livebalance.push'

/** The device that this browser is, as the server knows it. */
export interface OwnDevice {
  id: string
  userId: string
  endpoint: string
  language: Language
}

export function ownDevice(): OwnDevice | undefined {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? 'null') ?? undefined
  } catch {
    return undefined
  }
}

export function keepDevice(device: OwnDevice | undefined): void {
  if (device) localStorage.setItem(KEY, JSON.stringify(device))
  else localStorage.removeItem(KEY)
}

/** Names the browser for its user: what it is, and of which system. */
export function browserName(
  { userAgent }: { userAgent: string },
  on: (browser: string, system: string) => string,
): string {
  const find = (names: readonly (readonly [RegExp, string])[]) =>
    names.find(([pattern]) => pattern.test(userAgent))?.[1]
  const browser = find([
    [/Edg\//, 'Edge'],
    [/OPR\//, 'Opera'],
    [/Firefox\//, 'Firefox'],
    [/Chrom(e|ium)\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  ])
  const system = find([
    [/iPhone/, 'iPhone'],
    [/iPad/, 'iPad'],
    [/Android/, 'Android'],
    [/Windows/, 'Windows'],
    [/Mac OS X/, 'Mac'],
    [/Linux|X11/, 'Linux'],
  ])
  return browser && system ? on(browser, system) : (browser ?? system ?? '')
}
