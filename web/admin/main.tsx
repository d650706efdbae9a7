import '../styles/admin.css'
import { start } from '../components/start.tsx'
import { identityOf } from '../lib/session.ts'
import { Console } from './console.tsx'

start('admin', (props) => <Console key={identityOf(props.session.getSnapshot())} {...props} />)
