import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

/** Files of a certificate and its key. */
export interface Certificate {
  cert: string
  key: string
}

/** A private authority, which no machine trusts by itself. */
export interface Authority {
  /** File of its own certificate. */
  ca: string
  issue(host: string): Certificate
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export function createAuthority(): Authority {
  const folder = mkdtempSync(join(inject('runFolder'), 'certificates-'))
  const file = (name: string) => join(folder, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
  const [ca, caKey] = [file('ca.crt'), file('ca.key')]
  openssl('req', '-x509', ...KEY, '-subj', '/CN=Own authority', '-keyout', caKey, '-out', ca)
  return {
    ca,
    issue(host) {
      const [cert, key, request, names] = [
        file(`${host}.crt`),
        file(`${host}.key`),
        file(`${host}.csr`),
        file(`${host}.txt`),
      ]
      openssl('req', ...KEY, '-subj', `/CN=${host}`, '-keyout', key, '-out', request)
      writeFileSync(names, `subjectAltName=DNS:${host}`)
      const signed = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-extfile', names]
      openssl('x509', '-req', '-in', request, ...signed, '-out', cert)
      return { cert, key }
    },
  }
}
