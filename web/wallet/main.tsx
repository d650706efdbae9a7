import { startLanguage } from '../lib/language.ts'
import '../styles/wallet.css'
import { start } from '../components/start.tsx'
import { startTheme } from '../lib/theme.ts'
import { Wallet } from './wallet.tsx'

startTheme()
await startLanguage()
start('user', (props) => <Wallet key={props.userId} {...props} />)
// The page is there sooner without it.
const { keepFocus } = await import('../lib/kept-focus.ts')
keepFocus(document.body)
