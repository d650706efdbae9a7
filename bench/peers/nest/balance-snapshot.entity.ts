import { Column, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm'
import { money } from './transaction.entity.js'

@Entity('balance_snapshots')
export class BalanceSnapshot {
  @PrimaryColumn()
  userId: string

  @Column('numeric', { precision: 18, scale: 2, default: 0, transformer: money })
  balance: number

  @UpdateDateColumn()
  updatedAt: Date
}
