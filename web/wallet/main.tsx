import '../styles/wallet.css'
import { start } from '../parts/start.tsx'
import { Wallet } from './wallet.tsx'

start('user', (signed) => <Wallet key={signed.userId} {...signed} />)
