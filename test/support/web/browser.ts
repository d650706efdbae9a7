import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest'
import { mintToken } from '../index.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const NO_CHROMIUM = 'needs a Chromium: set CHROMIUM_PATH, or put chromium on the PATH'

/** A name of this machine other than localhost. To a browser, plain http from it is not a secure context. */
export const FOREIGN_NAME = 'balance.test'

const ARGUMENTS = [
  `--host-resolver-rules=MAP ${FOREIGN_NAME} 127.0.0.1`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = [
    process.env.CHROMIUM_PATH,
    ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
  ]
  return candidates.find((path) => {
    try {
      accessSync(path ?? '', constants.X_OK)
      return path !== undefined && path !== ''
    } catch {
      return false
    }
  })
}

let browser: Browser

/** A suite in a real Chromium. Without one it is skipped, and the summary says why. */
export function describeInBrowser(name: string, suite: () => void): void {
  const executablePath = findChromium()
  if (!executablePath) {
    describe.skip(name, { meta: { skipReason: NO_CHROMIUM } }, suite)
    return
  }
  describe(name, { timeout: 240_000 }, () => {
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: ARGUMENTS })
    }, 120_000)
    afterAll(async () => {
      await browser?.close()
    })
    suite()
  })
}

export interface VisitorOptions {
  /** The signed-in user. Without it, nobody is signed in. */
  sub?: string
  admin?: boolean
  /** The roles of somebody at the console. Default: `admin` with `admin`, otherwise none. */
  roles?: readonly string[]
  /** Default: the tenant of tokens that name none. */
  tenant?: string
  /** The browser's language. Default: `en-US`. */
  locale?: string
}

/** A person with their own browser profile. Errors in the browser's console fail the test. */
export interface Visitor {
  context: BrowserContext
  /** Opens another tab. */
  open(url: string): Promise<Page>
}

export const DESKTOP = { width: 1280, height: 860 }
/** The narrowest phones on sale. */
export const PHONE = { width: 360, height: 780 }

export async function visitor(options: VisitorOptions = {}): Promise<Visitor> {
  const { sub, tenant, admin = false, roles = admin ? ['admin'] : [], locale = 'en-US' } = options
  const context = await browser.newContext({
    viewport: DESKTOP,
    locale,
    timezoneId: 'UTC',
  })
  context.setDefaultTimeout(60_000)
  const complaints: string[] = []
  context.on('weberror', (error) => complaints.push(String(error.error())))
  context.on('console', (message) => {
    // The tests include refusals and unavailable servers. Over plain http, a browser complains that one
    // header works only over https.
    const expected =
      /Failed to load resource|blocked by CORS policy|WebSocket connection|ERR_|Opener-Policy header has been ignored/.test(
        message.text(),
      )
    if (message.type() === 'error' && !expected) complaints.push(message.text())
  })
  onTestFinished(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })
  if (sub !== undefined) {
    const token = await mintToken({
      sub,
      ...(tenant !== undefined && { tenant }),
      ...(roles.length > 0 && { roles: [...roles] }),
    })
    const session = {
      token,
      userId: sub,
      expiresAt: Date.now() + 3_600_000,
      demo: false,
    }
    await context.addInitScript(
      ([key, value]) => {
        // The empty page of a new tab has no storage.
        const isNew = location.protocol === 'http:' && !sessionStorage.getItem('signed in')
        if (!isNew) return
        // Only once in a tab: what the page stores afterwards survives a reload.
        sessionStorage.setItem('signed in', 'once')
        localStorage.setItem(key, value)
      },
      [`livebalance.${roles.length > 0 ? 'admin' : 'user'}`, JSON.stringify(session)] as const,
    )
  }
  return {
    context,
    async open(url) {
      const page = await context.newPage()
      await page.goto(url)
      return page
    },
  }
}

/** Opens the console as an admin, at this route. */
export async function openConsole(url: string, route = 'requests'): Promise<Page> {
  const { open } = await visitor({ sub: 'admin', admin: true })
  return open(`${url}/admin/${route}`)
}
