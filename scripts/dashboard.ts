import { type Panel, ROWS } from './dashboard-panels.ts'

const WIDTH = 8
const HEIGHT = 8
const SOURCE = { type: 'prometheus', uid: '$datasource' }

/** Writes `deploy/grafana/livebalance.json`, a dashboard that needs only a data source. */
export function dashboard(): string {
  const panels: Record<string, unknown>[] = []
  let y = 0
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y },
    })
    y += 1
    row.forEach((panel, i) => {
      const x = (i % 3) * WIDTH
      const gridPos = { h: HEIGHT, w: WIDTH, x, y: y + Math.floor(i / 3) * HEIGHT }
      panels.push({ id: panels.length + 1, ...timeSeries(panel), gridPos })
    })
    y += Math.ceil(row.length / 3) * HEIGHT
  }
  const board = {
    uid: 'livebalance',
    title: 'Livebalance',
    tags: ['livebalance'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        dataSource(),
        choice('job', 'livebalance_build_info'),
        choice('instance', 'livebalance_build_info{job=~"$job"}'),
      ],
    },
    panels,
  }
  return `${JSON.stringify(board, null, 2)}\n`
}

function timeSeries({ title, unit = 'short', description, lines }: Panel) {
  return {
    type: 'timeseries',
    title,
    ...(description !== undefined && { description }),
    datasource: SOURCE,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { tooltip: { mode: 'multi' }, legend: { displayMode: 'list', placement: 'bottom' } },
    targets: lines.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: SOURCE,
      expr,
      legendFormat: legend,
    })),
  }
}

function dataSource() {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }
}

/** A variable with the values of a label. All are selected at first. */
function choice(label: string, metric: string) {
  return {
    name: label,
    type: 'query',
    datasource: SOURCE,
    query: { query: `label_values(${metric}, ${label})`, refId: label },
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: 'All', value: '$__all' },
  }
}
