import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import type { Order } from '../hooks/use-order.ts'
import { words } from '../lib/language.ts'
import { isUnknownOutcome } from '../lib/problem.ts'
import { Unanswered } from './unanswered.tsx'

interface OrderFormProps<Body> {
  order: Order<Body>
  /** What the fields say. Undefined: something is missing, and the fields say what. */
  read: () => Body | undefined
  /** The question before it is sent. */
  ask: (body: Body) => { title: string; text: string }
  verb: string
  next: string
  children: ComponentChildren
}

/** A form for something that cannot be undone: it asks before it sends, and sends again safely if no answer came. */
export function OrderForm<Body>(props: OrderFormProps<Body>) {
  const { order, read, ask, verb, next, children } = props
  const { unanswered } = order
  const [asked, setAsked] = useState<Body>()
  const text = words().unknown
  const question = asked && ask(asked)
  return (
    <>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (unanswered) return
          const body = read()
          order.forget()
          setAsked(body)
        }}
      >
        {children}
        {unanswered ? (
          <Unanswered what={ask(unanswered).title} retry={() => setAsked(unanswered)} />
        ) : (
          <Button type="submit">{next}</Button>
        )}
      </form>
      {asked && question && (
        <Dialog
          title={question.title}
          verb={unanswered ? text.retry : verb}
          action={isUnknownOutcome(order.problem) ? { ...order, problem: undefined } : order}
          onSubmit={async () => {
            if (await order.run(asked)) setAsked(undefined)
          }}
          onClose={() => setAsked(undefined)}
        >
          <p class="soft">{question.text}</p>
          {unanswered && (
            <p class="notice wait" role="alert">
              <strong>{text.title}</strong>
              <span>{text.text}</span>
            </p>
          )}
        </Dialog>
      )}
    </>
  )
}
