import '../styles/wallet.css'
import { start } from '../components/start.tsx'
import { Wallet } from './wallet.tsx'

start('user', (props) => <Wallet key={props.userId} {...props} />)
