import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

export const CLIENT = { id: 'livebalance', secret: 'the secret of the client' }

/** What the provider is about to sign. */
export interface IdToken {
  header: { alg: string; kid?: string }
  claims: JWTPayload
}

/** An OpenID provider on this machine that takes nothing on trust: client, code, redirect and PKCE are checked. */
export interface TestProvider {
  issuer: string
  /** The settings of a server that uses it. */
  variables: Record<string, string>
  /** Who signs in from now on: claims of their ID token. */
  person: JWTPayload
  /** Changes ID tokens before they are signed, or gives one in their place. */
  tamper: ((token: IdToken) => string | undefined) | undefined
  /** Called at each request, before it is answered. `false`: it gets no answer, as if the provider were away. */
  answers: (path: string) => boolean
  /** The person asks to be signed in, and the provider agrees: the address that they are given back to. */
  agree(authorizationUrl: string): URL
  /** Whom it knows by now, it asks anew. */
  forget(): void
  /** The parameters of each request for an authorization, and the paths of all requests. */
  asked: URLSearchParams[]
  paths: string[]
  close(): Promise<void>
}

interface Grant {
  params: URLSearchParams
  used: boolean
}

export async function startIdentityProvider(): Promise<TestProvider> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const grants = new Map<string, Grant>()
  let knows = false

  const json = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  }
  const page = (response: ServerResponse, body: string) => {
    const html = `<!doctype html><html lang="en"><title>Provider</title><main>${body}</main></html>`
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(html)
  }
  const redirect = (response: ServerResponse, url: string | URL) => {
    response.writeHead(302, { Location: String(url) }).end()
  }

  async function idToken({ params }: Grant): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const token: IdToken = {
      header: { alg: 'RS256', kid: 'one' },
      claims: {
        ...{ iss: provider.issuer, aud: CLIENT.id, nonce: params.get('nonce') ?? '' },
        ...{ iat: now, exp: now + 300, ...provider.person },
      },
    }
    const instead = provider.tamper?.(token)
    if (instead !== undefined) return instead
    return new SignJWT(token.claims).setProtectedHeader(token.header).sign(privateKey)
  }

  function problemOf(request: IncomingMessage, form: URLSearchParams): string | undefined {
    const [user, secret] = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64')
      .toString()
      .split(':')
      .map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
    if (user !== CLIENT.id || secret !== CLIENT.secret) return 'invalid_client'
    const grant = grants.get(form.get('code') ?? '')
    if (!grant || grant.used) return 'invalid_grant'
    grant.used = true
    if (form.get('redirect_uri') !== grant.params.get('redirect_uri')) return 'invalid_grant'
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (challenge !== grant.params.get('code_challenge')) return 'invalid_grant'
    return grant.params.get('code_challenge_method') === 'S256' ? undefined : 'invalid_grant'
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', provider.issuer)
    provider.paths.push(url.pathname)
    if (!provider.answers(url.pathname)) return void request.socket.destroy()
    if (url.pathname === '/.well-known/openid-configuration') {
      return json(response, 200, {
        issuer: provider.issuer,
        ...{ authorization_endpoint: `${provider.issuer}/authorize` },
        ...{ token_endpoint: `${provider.issuer}/token`, jwks_uri: `${provider.issuer}/jwks` },
        ...{ end_session_endpoint: `${provider.issuer}/logout` },
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        authorization_response_iss_parameter_supported: true,
      })
    }
    if (url.pathname === '/jwks') return json(response, 200, { keys: [jwk] })
    if (url.pathname === '/authorize') {
      provider.asked.push(url.searchParams)
      if (knows && url.searchParams.get('prompt') !== 'login') {
        return redirect(response, provider.agree(url.href))
      }
      const agree = `/agree?${url.searchParams}`.replaceAll('&', '&amp;')
      const back = `${url.searchParams.get('redirect_uri')}?error=access_denied&amp;state=${url.searchParams.get('state')}`
      return page(response, `<a href="${agree}">Agree</a> <a href="${back}">Refuse</a>`)
    }
    if (url.pathname === '/agree') {
      knows = true
      return redirect(response, provider.agree(`${provider.issuer}/authorize${url.search}`))
    }
    if (url.pathname === '/logout') {
      knows = false
      return redirect(response, url.searchParams.get('post_logout_redirect_uri') ?? '/')
    }
    if (url.pathname !== '/token') return void response.writeHead(404).end()
    let body = ''
    for await (const chunk of request) body += chunk
    const form = new URLSearchParams(body)
    const error = problemOf(request, form)
    if (error) return json(response, error === 'invalid_client' ? 401 : 400, { error })
    const grant = grants.get(form.get('code') ?? '') as Grant
    json(response, 200, {
      ...{ access_token: randomUUID(), token_type: 'Bearer', expires_in: 300 },
      id_token: await idToken(grant),
    })
  }

  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider: TestProvider = {
    issuer,
    variables: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      OIDC_NAME: 'Example ID',
      OIDC_ROLES_CLAIM: 'groups',
      OIDC_ROLE_MAP: 'finance=admin,platform=operator',
    },
    person: { sub: 'ada', groups: ['finance'] },
    tamper: undefined,
    answers: () => true,
    asked: [],
    paths: [],
    agree(authorizationUrl) {
      const params = new URL(authorizationUrl).searchParams
      const code = randomUUID()
      grants.set(code, { params, used: false })
      const back = new URL(params.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', params.get('state') ?? '')
      back.searchParams.set('iss', issuer)
      return back
    },
    forget() {
      knows = false
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return provider
}
