import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, inject, test } from 'vitest'
import { packageRoot, prepareNative } from '../../src/local/binaries.ts'

describe('the binaries of the npm package', () => {
  let folder: string
  let installed: string
  const copy = () => join(folder, 'copy')
  const version = (native: string) =>
    execFileSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' })

  beforeEach(() => {
    folder = mkdtempSync(join(inject('runFolder'), 'binaries-'))
    chmodSync(folder, 0o755)
    installed = join(folder, 'package', 'native')
    mkdirSync(installed, { recursive: true })
    const from = join(packageRoot(`${process.platform}-${process.arch}`), 'native')
    // As npm unpacks it where it runs no install scripts: without the links.
    const filter = (path: string) => !lstatSync(path).isSymbolicLink() && !path.endsWith('.a')
    cpSync(from, installed, { recursive: true, filter })
  })

  test('run although the package’s install script never did', () => {
    expect(() => version(installed)).toThrow()
    expect(prepareNative(installed, copy(), null)).toBe(installed)
    expect(version(installed)).toContain('PostgreSQL')
  })

  test('run although their execute bits were lost', () => {
    chmodSync(join(installed, 'bin', 'postgres'), 0o644)
    prepareNative(installed, copy(), null)
    expect(version(installed)).toContain('PostgreSQL')
  })

  test('are copied, once, for an account that cannot get to them', () => {
    const account = { uid: 54_321, gid: 54_321 }
    chmodSync(join(folder, 'package'), 0o700)
    expect(prepareNative(installed, copy(), account)).toBe(copy())
    expect(version(copy())).toContain('PostgreSQL')
    expect(prepareNative(installed, copy(), account)).toBe(copy())
    expect(existsSync(`${copy()}.new`)).toBe(false)
  })

  test('that do not exist for a platform are reported with the way out', () => {
    expect(() => packageRoot('sunos-sparc')).toThrow(/sunos-sparc.*DATABASE_URL/)
  })
})
