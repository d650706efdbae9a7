// A client of the runtime's own parts, run by Node, Deno or Bun: native.js <transport> <url> <token>. It prints each
// event as a line of JSON, connects again after a break, and ends when it is refused.
const [transport, url, token] = process.argv.slice(2)
const EVENTS = ['balance_initial', 'balance_updated', 'transaction_completed', 'error']
let lastEventId = ''

function print(event, data) {
  if (data.id) lastEventId = data.id
  console.log(JSON.stringify({ event, data }))
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 50))

const clients = {
  EventSource() {
    const source = new EventSource(`${url}/balance/stream?token=${token}`)
    for (const event of EVENTS) {
      source.addEventListener(event, (message) => {
        if (message.data !== undefined) print(event, JSON.parse(message.data))
        else if (source.readyState === EventSource.CLOSED) {
          print('refused', { message: String(message.message ?? 'closed') })
        }
      })
    }
  },

  async fetch() {
    for (;;) {
      try {
        const headers = { Authorization: `Bearer ${token}`, 'Last-Event-ID': lastEventId }
        const response = await fetch(`${url}/balance/stream`, { headers })
        if (!response.ok) return print('refused', await response.json())
        let text = ''
        for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
          const blocks = (text + part).split('\n\n')
          text = blocks.pop()
          for (const block of blocks) {
            const [, event] = /^event: (.*)$/m.exec(block) ?? []
            const [, data] = /^data: (.*)$/m.exec(block) ?? []
            if (data) print(event, JSON.parse(data))
          }
        }
      } catch {}
      await pause()
    }
  },

  async WebSocket() {
    for (;;) {
      const query = new URLSearchParams({ token, lastEventId })
      const socket = new WebSocket(`${url.replace('http', 'ws')}/balance?${query}`)
      socket.onmessage = (message) => {
        const { event, ...data } = JSON.parse(message.data)
        print(event, data)
      }
      let failure
      socket.onerror = (error) => {
        failure = error.message ?? 'failed'
      }
      const { code, reason } = await new Promise((resolve) => {
        socket.onclose = resolve
      })
      if (failure && lastEventId === '') {
        return print('refused', { message: `${failure} (${code} ${reason})` })
      }
      await pause()
    }
  },
}

await clients[transport]()
