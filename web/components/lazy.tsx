import type { ComponentChild, FunctionComponent } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { words } from '../lib/language.ts'
import { Button } from './button.tsx'
import { Loading } from './states.tsx'

/**
 * A component whose code is loaded when it is first shown. If that fails, for example because the server has newer
 * pages by now, it says so and offers to reload the page.
 */
export function lazy<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
  {
    lines = 4,
    /** Shows nothing while it is loaded, nor if that fails: the page works without it. */
    quiet = false,
  } = {},
): FunctionComponent<Props> {
  let loaded: FunctionComponent<Props> | undefined
  return function Lazy(props: Props): ComponentChild {
    const [state, setState] = useState<'loading' | 'ready' | 'failed'>(loaded ? 'ready' : 'loading')
    const start = useCallback(() => {
      setState('loading')
      load().then(
        (component) => {
          loaded = component
          setState('ready')
        },
        () => setState('failed'),
      )
    }, [])
    useEffect(() => {
      if (!loaded) start()
    }, [start])
    if (quiet && state !== 'ready') return null
    if (state === 'failed') return <NotLoaded />
    const Component = loaded
    return Component ? (
      <Component {...props} />
    ) : (
      <Loading what={words().common.opening} lines={lines} />
    )
  }
}

function NotLoaded() {
  const { common } = words()
  return (
    <div class="notice loss" role="alert">
      <span>{common.loadFailed}</span>
      {/* Not every browser asks a second time for a module that failed to load. */}
      <Button kind="quiet compact" onClick={() => location.reload()}>
        {common.reload}
      </Button>
    </div>
  )
}
