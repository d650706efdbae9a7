import { Injectable, type OnModuleInit } from '@nestjs/common'
import { JwtService } from '@nestjs/jwt'
import {
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets'
import type { Namespace, Socket } from 'socket.io'
import type { BalanceUpdateEvent } from './balance-update.event.js'
import type { Claims } from './jwt-auth.guard.js'
import { RedisService } from './redis.service.js'
import { TransactionService } from './transaction.service.js'

@Injectable()
@WebSocketGateway({ namespace: '/balance' })
export class BalanceGateway implements OnGatewayConnection, OnModuleInit {
  @WebSocketServer()
  private readonly server: Namespace

  constructor(
    private readonly jwt: JwtService,
    private readonly redis: RedisService,
    private readonly transactions: TransactionService,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.redis.subscribe(
      'balance:updates',
      ({ event, userId, ...payload }: BalanceUpdateEvent) => {
        this.server.to(`user:${userId}`).emit(event, payload)
      },
    )
  }

  async handleConnection(client: Socket): Promise<void> {
    try {
      const token = client.handshake.auth.token ?? client.handshake.query.token
      const { sub } = await this.jwt.verifyAsync<Claims>(String(token))
      client.data.userId = sub
      await client.join(`user:${sub}`)
      const { balance } = await this.transactions.getCachedBalance(sub)
      client.emit('balance_initial', { balance })
    } catch {
      client.disconnect(true)
    }
  }

  @SubscribeMessage('get_current_balance')
  async currentBalance(client: Socket) {
    const { balance } = await this.transactions.getCachedBalance(client.data.userId)
    return { event: 'balance_current', data: { balance } }
  }
}
