import type { ComponentChildren } from 'preact'
import { lazy } from '../components/lazy.tsx'
import { words } from '../lib/language.ts'
import { PlaceLink } from './place-link.tsx'
import type { SectionProps } from './section.ts'
import type { Route, View } from './use-place.ts'

/** The code of these sections is loaded when they are first opened. */
export const SECTIONS = {
  send: lazy<SectionProps>(async () => (await import('./send.tsx')).Send),
  withdraw: lazy<SectionProps>(async () => (await import('./withdraw.tsx')).Withdraw),
  holds: lazy<SectionProps>(async () => (await import('./holds.tsx')).Holds),
  alerts: lazy<SectionProps>(async () => (await import('./alerts.tsx')).Alerts),
  settings: lazy<SectionProps>(async () => (await import('./settings.tsx')).Settings),
  receipt: lazy<SectionProps>(async () => (await import('./receipt.tsx')).Receipt),
}

/** These begin with the money that there is. */
export const SPENDING: readonly View[] = ['send', 'withdraw', 'holds', 'alerts']

/** The title of a section. */
export function titleOf(view: View): string {
  const { shell, receipt, send, withdraw, holds } = words()
  const titles: Record<View, string> = {
    overview: shell.title,
    send: send.title,
    withdraw: withdraw.title,
    holds: holds.title,
    alerts: shell.alerts,
    settings: shell.settings,
    receipt: receipt.title,
  }
  return titles[view]
}

export function SectionNav({ route }: { route: Route }) {
  const { shell: text } = words()
  const link = (view: View, name: ComponentChildren) => (
    <PlaceLink route={route} to={{ view }}>
      {name}
    </PlaceLink>
  )
  return (
    <nav class="sections" aria-label={text.sections}>
      {link('overview', text.overview)}
      {link('send', text.send)}
      {link('withdraw', text.withdraw)}
      {link('holds', text.holds)}
      {link('alerts', text.alertsShort)}
      {link('settings', text.settings)}
    </nav>
  )
}
