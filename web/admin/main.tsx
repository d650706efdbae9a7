import '../styles/admin.css'
import { start } from '../parts/start.tsx'
import { Console } from './console.tsx'

start('admin', (signed) => <Console key={signed.userId} {...signed} />)
