import { useEffect, useMemo, useRef } from 'preact/hooks'
import type UPlot from 'uplot'

export interface Line {
  name: string
  /** A colour of the theme, such as `--gain`. */
  colour: string
  values: readonly (number | null)[]
  /** How the values are written in the table, to the last digit. */
  texts: readonly string[]
  /** Fills the area below it. */
  fills?: boolean
}

interface ChartProps {
  title: string
  /** The start of each bucket, ISO 8601. */
  times: readonly string[]
  labels: readonly string[]
  timeZone: string
  lines: readonly Line[]
  /** A short form for the axis. */
  short: (value: number) => string
  /** The values are counts. */
  isWhole?: boolean
}

/** The same library for every chart. It is loaded with the first one. */
const library = () => import('uplot').then((loaded) => loaded.default)

const HEIGHT = 220

/** A chart over time with a table of the same values, which is there for everybody. */
export function Chart(props: ChartProps) {
  const { title, times, labels, timeZone, lines, short, isWhole = false } = props
  const place = useRef<HTMLDivElement>(null)
  const data = useMemo<UPlot.AlignedData>(
    () => [times.map((time) => Date.parse(time) / 1000), ...lines.map(({ values }) => [...values])],
    [times, lines],
  )
  useEffect(() => {
    const element = place.current
    if (!element) return
    let chart: UPlot | undefined
    let ended = false
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const draw = async () => {
      const Plot = await library()
      if (ended) return
      chart?.destroy()
      const options = optionsOf(element, { lines, timeZone, short, isWhole })
      chart = new Plot({ ...options, width: element.clientWidth, height: HEIGHT }, data, element)
    }
    const fit = new ResizeObserver(() =>
      chart?.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    const redraw = () => void draw()
    dark.addEventListener('change', redraw)
    // Where the reader chooses a theme.
    const theme = new MutationObserver(redraw)
    theme.observe(document.documentElement, { attributes: true })
    fit.observe(element)
    redraw()
    return () => {
      ended = true
      dark.removeEventListener('change', redraw)
      fit.disconnect()
      theme.disconnect()
      chart?.destroy()
    }
  }, [data, lines, timeZone, short, isWhole])

  const newestFirst = times.map((time, i) => [time, i] as const).reverse()
  return (
    <section class="card chart-card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        <ul class="chart-key" aria-hidden="true">
          {lines.map(({ name, colour }) => (
            <li key={name}>
              <i style={{ background: `var(${colour})` }} />
              {name}
            </li>
          ))}
        </ul>
      </div>
      {/* The table says the same. */}
      <div class="chart" ref={place} aria-hidden="true" />
      <details>
        <summary>Show as a table</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard */}
        <section class="scrolls" tabIndex={0} aria-label={`${title} as a table`}>
          <table class="table">
            <thead>
              <tr>
                <th>From</th>
                {lines.map(({ name }) => (
                  <th key={name} class="right">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {newestFirst.map(([time, i]) => (
                <tr key={time}>
                  <td>{labels[i]}</td>
                  {lines.map(({ name, texts }) => (
                    <td key={name} class="right figure">
                      {texts[i]}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </section>
  )
}

function optionsOf(
  element: HTMLElement,
  { lines, timeZone, short, isWhole }: Pick<ChartProps, 'lines' | 'timeZone' | 'short' | 'isWhole'>,
): Omit<UPlot.Options, 'width' | 'height'> {
  const style = getComputedStyle(element)
  // A canvas knows neither variables nor `light-dark()`: it gets the colour that the browser makes of them.
  const colour = (name: string) => {
    element.style.color = `var(${name})`
    const computed = getComputedStyle(element).color
    element.style.color = ''
    return computed
  }
  const axis = {
    stroke: colour('--ink-soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  }
  const day = new Intl.DateTimeFormat(undefined, { timeZone, day: 'numeric', month: 'short' })
  const hour = new Intl.DateTimeFormat(undefined, { timeZone, hour: 'numeric', minute: '2-digit' })
  return {
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
    axes: [
      {
        ...{ ...axis, size: 30 },
        values: (_, seconds, __, ___, step) =>
          seconds.map((at) => (step < 86_400 ? hour : day).format(at * 1000)),
      },
      {
        ...{ ...axis, size: 56 },
        // Of whole things there are no halves.
        values: (_, values) =>
          values.map((value) => (isWhole && !Number.isInteger(value) ? '' : short(value))),
      },
    ],
    series: [
      {},
      ...lines.map(({ name, colour: of, fills }) => ({
        ...{ label: name, stroke: colour(of), width: 2, points: { size: 5 } },
        ...(fills && { fill: colour(of).replace('rgb(', 'rgba(').replace(')', ', 0.13)') }),
      })),
    ],
  }
}
