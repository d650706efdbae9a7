import '../styles/admin.css'
import { start } from '../components/start.tsx'
import { Console } from './console.tsx'

start('admin', (props) => <Console key={props.userId} {...props} />)
