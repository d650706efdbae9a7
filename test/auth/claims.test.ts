import { describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { createClaimReader } from '../../src/auth/claims.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { parseConfig } from '../../src/config/config.ts'
import { TEST_SECRET } from '../support/index.ts'
import { NO_IDS, USER_IDS } from '../support/user-ids.ts'

const exp = 2_000_000_000

/** A token's claims as the provider sends them, the settings that read it, and its bearer. docs/guide/identity.md has the same table. */
const PROVIDERS: Record<
  string,
  { env: Record<string, string>; payload: Record<string, unknown>; bearer: object }
> = {
  Auth0: {
    env: { JWT_ROLES_CLAIM: 'https://shop.example.com/roles' },
    payload: {
      iss: 'https://shop.eu.auth0.com/',
      sub: 'google-oauth2|1063',
      aud: ['https://api.shop.example.com', 'https://shop.eu.auth0.com/userinfo'],
      scope: 'openid profile',
      'https://shop.example.com/roles': ['Admin'],
    },
    bearer: { userId: 'google-oauth2|1063', isAdmin: true, isService: false },
  },
  Keycloak: {
    env: {
      JWT_ROLES_CLAIM: 'realm_access.roles',
      JWT_ROLE_MAP: 'balance-admin=admin,balance-service=service',
    },
    payload: {
      iss: 'https://id.example.com/realms/shop',
      sub: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
      azp: 'web',
      realm_access: { roles: ['offline_access', 'balance-admin'] },
    },
    bearer: { userId: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', isAdmin: true, isService: false },
  },
  Cognito: {
    env: { JWT_ROLES_CLAIM: 'cognito:groups', JWT_ROLE_MAP: 'billing=admin' },
    payload: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a',
      sub: 'aaaaaaaa-bbbb-cccc-dddd-example',
      token_use: 'access',
      'cognito:groups': ['billing'],
      username: 'ann',
    },
    bearer: { userId: 'aaaaaaaa-bbbb-cccc-dddd-example', isAdmin: true },
  },
  Entra: {
    env: {
      JWT_USER_CLAIM: 'oid',
      JWT_TENANT_CLAIM: 'tid',
      JWT_ROLE_MAP: 'Balance.Service=service',
    },
    payload: {
      iss: 'https://login.microsoftonline.com/t/v2.0',
      sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
      oid: '00000000-0000-0000-66f3-3332eca7ea81',
      tid: '9122040d-6c67-4c5b-b112-36a304b66dad',
      roles: ['Balance.Service'],
    },
    bearer: {
      userId: '00000000-0000-0000-66f3-3332eca7ea81',
      tenant: '9122040d-6c67-4c5b-b112-36a304b66dad',
      isAdmin: false,
      isService: true,
    },
  },
  Clerk: {
    env: { JWT_ROLES_CLAIM: 'o.rol', JWT_TENANT_CLAIM: 'o.id' },
    payload: {
      iss: 'https://clerk.shop.example.com',
      sub: 'user_2ab',
      azp: 'https://shop.example.com',
      o: { id: 'org_1', rol: 'admin', slg: 'shop' },
    },
    bearer: { userId: 'user_2ab', tenant: 'org_1', isAdmin: true },
  },
  Supabase: {
    env: { JWT_ROLES_CLAIM: 'app_metadata.roles' },
    payload: {
      iss: 'https://abc.supabase.co/auth/v1',
      sub: 'b2c3',
      aud: 'authenticated',
      role: 'authenticated',
      app_metadata: { provider: 'email', roles: ['service'] },
    },
    bearer: { userId: 'b2c3', isAdmin: false, isService: true },
  },
}

const readerOf = (env: Record<string, string>) => createClaimReader(parseConfig(env).jwtClaims)

test.each(Object.entries(USER_IDS))('%s is a user id as it comes, and a tenant', (_, id) => {
  const tenant = [...id].slice(0, 64).join('')
  expect(readerOf({})({ exp, sub: id, tenant })).toMatchObject({ userId: id, tenant })
})

test.each(Object.entries(NO_IDS))('%s is neither', (_, id) => {
  for (const [claim, claims] of Object.entries({
    sub: { sub: id },
    tenant: { sub: 'a', tenant: id },
  })) {
    expect(() => readerOf({})({ exp, ...claims })).toThrow(
      expect.objectContaining({ code: 'unauthorized', details: { reason: 'claim', claim } }),
    )
  }
})

describe('a token as an identity provider signs it', () => {
  test.each(Object.entries(PROVIDERS))('%s', (_, { env, payload, bearer }) => {
    expect(readerOf(env)({ exp, ...payload })).toMatchObject(bearer)
  })
})

test.each<[string, Record<string, string>, object, object]>([
  [
    'by default, of roles and role together',
    {},
    { roles: ['service'], role: 'ADMIN' },
    { isAdmin: true, isService: true },
  ],
  [
    'of a scope',
    { JWT_ROLES_CLAIM: 'scope' },
    { scope: 'openid admin profile' },
    { isAdmin: true, isService: false },
  ],
  [
    'of several claims',
    { JWT_ROLES_CLAIM: 'groups, realm_access.roles' },
    { groups: ['admin'], realm_access: { roles: ['service'] } },
    { isAdmin: true, isService: true },
  ],
  [
    'of no other name than those of the map',
    { JWT_ROLE_MAP: 'boss=admin' },
    { roles: ['admin', 'service'] },
    { isAdmin: false, isService: false },
  ],
  [
    'not by a path through text or a prototype',
    { JWT_ROLES_CLAIM: 'a.b,constructor.name,__proto__.x' },
    { a: 'admin' },
    { isAdmin: false, isService: false },
  ],
  [
    'not where there is none',
    { JWT_ROLES_CLAIM: 'realm_access.roles' },
    { realm_access: null },
    { isAdmin: false, isService: false },
  ],
])('the roles are read %s', (_, env, claims, bearer) => {
  expect(readerOf(env)({ exp, sub: 'ann', ...claims })).toMatchObject({
    userId: 'ann',
    tenant: 'default',
    ...bearer,
  })
})

test.each<[string, Record<string, string>, object, string]>([
  ['a user', { JWT_USER_CLAIM: 'user.id' }, { sub: 'ann', user: {} }, 'user.id'],
  [
    'roles of another kind',
    { JWT_ROLES_CLAIM: 'realm_access' },
    { sub: 'ann', realm_access: { roles: [] } },
    'realm_access',
  ],
  ['a tenant with a blank', { JWT_TENANT_CLAIM: 'org' }, { sub: 'ann', org: 'a b' }, 'org'],
])('%s that is missing or not accepted names its claim', (_, env, claims, claim) => {
  expect(() => readerOf(env)({ exp, ...claims })).toThrow(
    expect.objectContaining({ code: 'unauthorized', details: { reason: 'claim', claim } }),
  )
})

test('a token of the server itself is one that it reads, whatever the claims are called', async () => {
  const { jwtClaims: claims } = parseConfig({
    ...{ JWT_USER_CLAIM: 'uid', JWT_ROLES_CLAIM: 'realm_access.roles', JWT_TENANT_CLAIM: 'org.id' },
    JWT_ROLE_MAP: 'boss=admin',
  })
  const token = await mintToken(TEST_SECRET, {
    sub: 'ann',
    roles: ['admin'],
    tenant: 'shop',
    expiresIn: 60,
    names: claims,
  })
  const authenticator = createAuthenticator({
    keys: { kind: 'secret', secret: TEST_SECRET },
    claims,
  })
  expect(await authenticator.authenticate(token)).toMatchObject({
    userId: 'ann',
    tenant: 'shop',
    isAdmin: true,
  })
})

test.each([
  [{ JWT_ROLE_MAP: 'boss=king' }, /JWT_ROLE_MAP must be pairs such as/],
  [{ JWT_ROLES_CLAIM: 'a,,b' }, /JWT_ROLES_CLAIM must be a list separated by commas/],
  [
    { JWT_JWKS_URL: 'https://a/x,https://b/x', JWT_ISSUER: 'a' },
    /JWT_JWKS_URL names 2 key sets and JWT_ISSUER 1 issuers/,
  ],
  [{ JWT_JWKS_URL: 'https://a/x,ftp://b/x' }, /JWT_JWKS_URL must be a URL/],
])('%j is refused at the start', (env, message) => {
  expect(() => parseConfig(env as Record<string, string>)).toThrow(message)
})
