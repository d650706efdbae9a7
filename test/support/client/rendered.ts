import { Window } from 'happy-dom'
import { act, type ReactElement } from 'react'
import { onTestFinished, vi } from 'vitest'

export interface Rendered {
  container: HTMLElementLike
  render(element: ReactElement): Promise<void>
  unmount(): Promise<void>
}

interface HTMLElementLike {
  textContent: string | null
  querySelector(selector: string): { click(): void } | null
}

/** Renders into a document that closes at the end of the test. The network is that of Node. */
export async function inDocument(element: ReactElement): Promise<Rendered> {
  const window = new Window()
  vi.stubGlobal('window', window)
  vi.stubGlobal('document', window.document)
  vi.stubGlobal('navigator', window.navigator)
  const { createRoot } = await import('react-dom/client')
  const container = window.document.createElement('div')
  window.document.body.append(container)
  const root = createRoot(container as never)
  let mounted = true
  const unmount = async () => {
    if (mounted) await flushed(() => root.unmount())
    mounted = false
  }
  onTestFinished(async () => {
    await unmount()
    vi.unstubAllGlobals()
    await window.happyDOM.close()
  })
  const render = (next: ReactElement) => flushed(() => root.render(next))
  await render(element)
  return { container: container as unknown as HTMLElementLike, render, unmount }
}

/** Runs a change with its effects. Later changes from the network render without `act`, as in production. */
async function flushed(change: () => void): Promise<void> {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  await act(async () => change())
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
}
