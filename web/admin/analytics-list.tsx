import type { ComponentChildren } from 'preact'
import { Button } from '../components/button.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import type { Loaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { saveFile } from '../lib/save-file.ts'
import { hrefOf } from './address.ts'

/** The range that the page shows. */
export interface Asked {
  from: string
  to: string
  bucket: string
  timeZone: string
  currency: string
}

export interface ListProps {
  api: Api
  asked: Asked
}

interface ListViewProps {
  api: Api
  title: string
  list: Pick<Loaded<unknown>, 'value' | 'loading' | 'problem' | 'reload'>
  head: readonly string[]
  rows: readonly (readonly ComponentChildren[])[]
  empty: string
  choice?: ComponentChildren
  /** The route of the file with all of it, its query, and its name. */
  file: { path: string; query: Record<string, string>; name: string }
}

/** A card with a table, and a file of the whole list. */
export function List({ api, title, list, head, rows, empty, choice, file }: ListViewProps) {
  const saving = useAction(async () =>
    saveFile(await api.file(file.path, { ...file.query, format: 'csv' }), file.name),
  )
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {rows.length > 0 && (
          <Button kind="quiet" busy={saving.busy} onClick={() => void saving.run()}>
            CSV<span class="sr-only"> of {title}</span>
          </Button>
        )}
      </div>
      {choice && <div class="filters few">{choice}</div>}
      {saving.problem !== undefined && <Failure aside problem={saving.problem} />}
      {list.problem !== undefined && <Failure aside problem={list.problem} retry={list.reload} />}
      {!list.value && list.loading && <Loading what={`Reading: ${title}`} />}
      {list.value !== undefined && rows.length === 0 && <Empty title={empty}>In this range.</Empty>}
      {rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard
        <section class="scrolls" tabIndex={0} aria-label={`${title}: list`}>
          <table class="table">
            <thead>
              <tr>
                {head.map((name, i) => (
                  <th key={name} class={i === 0 ? '' : 'right'}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
                <tr key={place}>
                  {row.map((cell, i) => (
                    <td key={head[i]} class={i === 0 ? 'what' : 'right figure'}>
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}

export const UserLink = ({ id }: { id: string }) => <a href={hrefOf('users', id)}>{id}</a>
