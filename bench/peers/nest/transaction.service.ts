import { ConflictException, HttpException, Injectable, NotFoundException } from '@nestjs/common'
import { InjectDataSource } from '@nestjs/typeorm'
import { DataSource, type EntityManager } from 'typeorm'
import { BalanceSnapshot } from './balance-snapshot.entity.js'
import { BalanceEventType, type BalanceUpdateEvent } from './balance-update.event.js'
import { RedisService } from './redis.service.js'
import type { CreateTransactionDto, ProcessTopupDto, TopupDto } from './transaction.dto.js'
import { Transaction } from './transaction.entity.js'

const CHANNEL = 'balance:updates'
const CACHE_SECONDS = 3600

/** The service with row locks, and without publishing before the commit. */
@Injectable()
export class TransactionService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly redis: RedisService,
  ) {}

  async getCachedBalance(userId: string): Promise<{ balance: number; cached: boolean }> {
    const cached = await this.redis.get(`balance:user:${userId}`)
    if (cached !== null) return { balance: Number(cached), cached: true }
    const snapshot = await this.dataSource.getRepository(BalanceSnapshot).findOneBy({ userId })
    const balance = snapshot?.balance ?? 0
    await this.redis.set(`balance:user:${userId}`, balance, CACHE_SECONDS)
    return { balance, cached: false }
  }

  createTopup(userId: string, dto: TopupDto): Promise<Transaction> {
    const { amount, description } = dto
    const transactions = this.dataSource.getRepository(Transaction)
    return transactions.save(
      transactions.create({ userId, type: 'topup', amount, description: description ?? null }),
    )
  }

  async processTopup(id: string, adminId: string, dto: ProcessTopupDto): Promise<Transaction> {
    const { transaction, before, after } = await this.dataSource.transaction(async (manager) => {
      const transaction = await manager.findOne(Transaction, {
        where: { id, type: 'topup' },
        lock: { mode: 'pessimistic_write' },
      })
      if (!transaction) throw new NotFoundException()
      if (transaction.status !== 'pending') throw new ConflictException('already processed')
      transaction.status = dto.status
      transaction.adminNotes = dto.adminNotes ?? null
      transaction.processedBy = adminId
      await manager.save(transaction)
      if (dto.status === 'failed') return { transaction, before: 0, after: 0 }
      return { transaction, ...(await this.move(manager, transaction)) }
    })
    if (transaction.status === 'success') await this.published(transaction, before, after)
    else await this.publish(transaction, BalanceEventType.TRANSACTION_FAILED, after)
    return transaction
  }

  async createTransaction(userId: string, dto: CreateTransactionDto): Promise<Transaction> {
    const { transaction, before, after } = await this.dataSource.transaction(async (manager) => {
      const transaction = await manager.save(
        manager.create(Transaction, {
          userId,
          type: dto.type,
          amount: -dto.amount,
          status: 'success',
          description: dto.description ?? null,
        }),
      )
      return { transaction, ...(await this.move(manager, transaction)) }
    })
    await this.published(transaction, before, after)
    return transaction
  }

  /** Adds a transaction's amount to its user's snapshot, under the row's lock. */
  private async move(manager: EntityManager, transaction: Transaction) {
    const { userId, amount } = transaction
    const snapshot =
      (await manager.findOne(BalanceSnapshot, {
        where: { userId },
        lock: { mode: 'pessimistic_write' },
      })) ?? manager.create(BalanceSnapshot, { userId, balance: 0 })
    const before = snapshot.balance
    const after = Math.round((before + amount) * 100) / 100
    if (after < 0) throw new HttpException('insufficient funds', 402)
    snapshot.balance = after
    await manager.save(snapshot)
    return { before, after }
  }

  private async published(transaction: Transaction, before: number, after: number): Promise<void> {
    await this.redis.set(`balance:user:${transaction.userId}`, after, CACHE_SECONDS)
    await Promise.all([
      this.publish(transaction, BalanceEventType.BALANCE_UPDATED, after, before),
      this.publish(transaction, BalanceEventType.TRANSACTION_COMPLETED, after),
    ])
  }

  private publish(
    { id, userId, type, amount }: Transaction,
    event: BalanceEventType,
    newBalance: number,
    previousBalance?: number,
  ): Promise<void> {
    const message: BalanceUpdateEvent = {
      event,
      userId,
      newBalance,
      ...(previousBalance === undefined ? {} : { previousBalance }),
      transactionId: id,
      transactionType: type,
      amount,
      timestamp: new Date().toISOString(),
    }
    return this.redis.publishMessage(CHANNEL, message)
  }
}
