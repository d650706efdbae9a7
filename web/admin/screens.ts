import type { ComponentType } from 'preact'
import type { PageProps } from '../components/start.tsx'
import type { CONSOLE_ROLES } from '../lib/token-check.ts'

/** The roles that open the console. `GET /admin/session` says which of them the signed-in person has. */
export type ConsoleRole = (typeof CONSOLE_ROLES)[number]

export interface ScreenProps extends PageProps {
  /** The parameters of the path. */
  params: Readonly<Record<string, string>>
  roles: readonly (ConsoleRole | 'service')[]
}

/** The headings of the navigation, in this order. */
export const GROUPS = ['Money', 'Integration', 'Checks', 'Platform'] as const

export interface Screen {
  /** Below `/admin/`. `:name` is a parameter. */
  path: string
  /** In the navigation and in the window's title. */
  title: string
  /** Its place in the navigation. Without one, it is reached from the screen at the beginning of its path. */
  group?: (typeof GROUPS)[number]
  /** Who sees it: anyone with one of these roles. The server decides about every call again. */
  roles: readonly ConsoleRole[]
  /** Loads its component, once the screen is opened. */
  load: () => Promise<ComponentType<ScreenProps>>
}

const ADMIN = ['admin'] as const
const EITHER = ['admin', 'operator'] as const
const OPERATOR = ['operator'] as const

/** Every screen of the console. Of two paths that match, the first is taken. */
export const SCREENS: readonly Screen[] = [
  {
    ...{ path: 'requests', title: 'Requests', group: 'Money', roles: ADMIN },
    load: async () => (await import('./requests.tsx')).Requests,
  },
  {
    ...{ path: 'users', title: 'Users', group: 'Money', roles: ADMIN },
    load: async () => (await import('./users.tsx')).Users,
  },
  {
    ...{ path: 'users/:id', title: 'User', roles: ADMIN },
    load: async () => (await import('./user.tsx')).User,
  },
  {
    ...{ path: 'transactions/:id', title: 'Transaction', roles: ADMIN },
    load: async () => (await import('./transaction.tsx')).TransactionScreen,
  },
  {
    ...{ path: 'holds', title: 'Holds', group: 'Money', roles: ADMIN },
    load: async () => (await import('./holds.tsx')).Holds,
  },
  {
    ...{ path: 'limits', title: 'Spending limits', group: 'Money', roles: ADMIN },
    load: async () => (await import('./limits.tsx')).Limits,
  },
  {
    ...{ path: 'monitors', title: 'Balance alerts', group: 'Money', roles: ADMIN },
    load: async () => (await import('./monitors.tsx')).Monitors,
  },
  {
    ...{ path: 'analytics', title: 'Analytics', group: 'Money', roles: ADMIN },
    load: async () => (await import('./analytics.tsx')).Analytics,
  },
  {
    ...{ path: 'webhooks', title: 'Webhooks', group: 'Integration', roles: ADMIN },
    load: async () => (await import('./webhooks.tsx')).Webhooks,
  },
  {
    ...{ path: 'webhooks/:id', title: 'Webhook', roles: ADMIN },
    load: async () => (await import('./webhooks.tsx')).Webhooks,
  },
  // Before the keys: an operator who is no admin begins here.
  {
    ...{ path: 'tenants', title: 'Tenants', group: 'Platform', roles: OPERATOR },
    load: async () => (await import('./tenants.tsx')).Tenants,
  },
  {
    ...{ path: 'tenants/:id', title: 'Tenant', roles: OPERATOR },
    load: async () => (await import('./tenant-page.tsx')).TenantScreen,
  },
  {
    ...{ path: 'keys', title: 'API keys', group: 'Integration', roles: EITHER },
    load: async () => (await import('./keys.tsx')).Keys,
  },
  {
    ...{ path: 'audit', title: 'Audit', group: 'Checks', roles: ADMIN },
    load: async () => (await import('./audit.tsx')).Audit,
  },
  {
    ...{ path: 'deeds', title: 'Audit log', group: 'Checks', roles: ADMIN },
    load: async () => (await import('./deeds.tsx')).DeedLog,
  },
  {
    ...{ path: 'revocations', title: 'Revocations', group: 'Checks', roles: ADMIN },
    load: async () => (await import('./revocations.tsx')).Revocations,
  },
  {
    ...{ path: 'search', title: 'Search', roles: ADMIN },
    load: async () => (await import('./search.tsx')).Search,
  },
  {
    ...{ path: 'system', title: 'System', group: 'Checks', roles: EITHER },
    load: async () => (await import('./system.tsx')).System,
  },
]

/** The screens that someone with these roles sees. */
export const screensFor = (roles: readonly ConsoleRole[]): Screen[] =>
  SCREENS.filter((screen) => screen.roles.some((role) => roles.includes(role)))

/** The screen of a path, with its parameters. */
export function findScreen(
  screens: readonly Screen[],
  parts: readonly string[],
): { screen: Screen; params: Record<string, string> } | undefined {
  for (const screen of screens) {
    const pattern = screen.path.split('/')
    if (pattern.length !== parts.length) continue
    if (!pattern.every((name, i) => name.startsWith(':') || name === parts[i])) continue
    const params = pattern.flatMap((name, i) =>
      name.startsWith(':') ? [[name.slice(1), parts[i] ?? ''] as const] : [],
    )
    return { screen, params: Object.fromEntries(params) }
  }
  return undefined
}
