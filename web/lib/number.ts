import { isolated, perLocales } from './language.ts'

const whole = perLocales((locales) => new Intl.NumberFormat(locales as string[]))
const percents = perLocales(
  (locales) =>
    new Intl.NumberFormat(locales as string[], { style: 'percent', maximumFractionDigits: 0 }),
)

/** A count in the reader's notation. */
export const formatCount = (count: number): string => isolated(whole().format(count))

/** @param share from 0 to 1 */
export const formatPercent = (share: number): string => isolated(percents().format(share))
