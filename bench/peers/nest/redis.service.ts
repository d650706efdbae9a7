import { Injectable, type OnModuleDestroy } from '@nestjs/common'
import { Redis } from 'ioredis'

@Injectable()
export class RedisService implements OnModuleDestroy {
  private readonly client = new Redis(process.env.REDIS_URL as string)
  private readonly subscriber = new Redis(process.env.REDIS_URL as string)

  get(key: string): Promise<string | null> {
    return this.client.get(key)
  }

  async set(key: string, value: number, seconds: number): Promise<void> {
    await this.client.set(key, String(value), 'EX', seconds)
  }

  async publishMessage(channel: string, message: object): Promise<void> {
    await this.client.publish(channel, JSON.stringify(message))
  }

  async subscribe(channel: string, handle: (message: never) => void): Promise<void> {
    this.subscriber.on('message', (_channel, text) => handle(JSON.parse(text) as never))
    await this.subscriber.subscribe(channel)
  }

  onModuleDestroy(): void {
    this.client.disconnect()
    this.subscriber.disconnect()
  }
}
