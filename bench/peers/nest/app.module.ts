import { createSecretKey } from 'node:crypto'
import { Module } from '@nestjs/common'
import { JwtModule } from '@nestjs/jwt'
import { TypeOrmModule } from '@nestjs/typeorm'
import { BalanceGateway } from './balance.gateway.js'
import { BalanceSnapshot } from './balance-snapshot.entity.js'
import { RedisService } from './redis.service.js'
import { TransactionController } from './transaction.controller.js'
import { Transaction } from './transaction.entity.js'
import { TransactionService } from './transaction.service.js'

const secret = process.env.JWT_SECRET as string

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL as string,
      entities: [Transaction, BalanceSnapshot],
      synchronize: true,
      poolSize: 20,
    }),
    JwtModule.register({
      // A string would be turned into a key for every token, which is most of the cost of verifying it.
      secret: process.env.SECRET_AS === 'string' ? secret : createSecretKey(Buffer.from(secret)),
      verifyOptions: { algorithms: ['HS256'] },
    }),
  ],
  controllers: [TransactionController],
  providers: [TransactionService, RedisService, BalanceGateway],
})
export class AppModule {}
