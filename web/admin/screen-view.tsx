import type { ComponentType } from 'preact'
import { Button } from '../components/button.tsx'
import { Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Screen, ScreenProps } from './screens.ts'

/** Loaded components, so that a screen that was open before is there at once. */
const loaded = new Map<Screen['load'], ComponentType<ScreenProps>>()

interface ScreenViewProps extends ScreenProps {
  screen: Screen
}

/** A screen, which is loaded when it is opened for the first time. */
export function ScreenView({ screen, ...props }: ScreenViewProps) {
  const { load } = screen
  const { value, problem } = useLoaded(async () => {
    const component = loaded.get(load) ?? (await load())
    loaded.set(load, component)
    return { component }
  }, [load])
  const Component = value?.component ?? loaded.get(load)
  if (Component) return <Component {...props} />
  if (problem === undefined) return <Loading what={`Opening ${screen.title}`} />
  // A newer version of the server has other files.
  return (
    <div class="notice loss" role="alert">
      <span>This screen could not be loaded. The server may have been updated.</span>
      <Button kind="quiet compact" onClick={() => location.reload()}>
        Load the page again
      </Button>
    </div>
  )
}
