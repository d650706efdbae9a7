import { Dialog } from '../components/dialog.tsx'
import { TokenField, usePastedToken } from '../components/token-field.tsx'
import { words } from '../lib/language.ts'
import type { SessionKeeper } from '../lib/session.ts'

/** Asks for a fresh token before the current one expires. */
export function FreshToken({ session, close }: { session: SessionKeeper; close: () => void }) {
  const token = usePastedToken('user', session, close)
  const { signIn } = token
  return (
    <Dialog
      title={words().connection.paste}
      verb={words().connection.stay}
      action={signIn}
      onSubmit={() => void signIn.run()}
      onClose={close}
    >
      <TokenField {...token} />
    </Dialog>
  )
}
