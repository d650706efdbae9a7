import type * as Ws from 'ws'
// @ts-expect-error The package declares no types for this file.
import * as implementation from '../../../node_modules/ws/wrapper.mjs'

/**
 * The package `ws`, imported by its path: Bun gives programs that import it by its name a WebSocket of its own. That one
 * closes a connection for a client's fault without calling `close()`, so the client would not hear the reason, and it
 * shows no bytes of unfinished messages, so nothing would bound them.
 */
export const { WebSocket, WebSocketServer } = implementation as typeof Ws
export type WebSocket = Ws.WebSocket
export type WebSocketServer = Ws.WebSocketServer
