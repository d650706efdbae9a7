import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
} from 'typeorm'

/** Postgres returns numeric as text, but the API answers with numbers. */
export const money = {
  to: (value: number) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
}

@Entity('transactions')
@Index(['userId', 'createdAt'])
export class Transaction {
  @PrimaryGeneratedColumn('uuid')
  id: string

  @Column()
  userId: string

  @Column()
  type: string

  @Column('numeric', { precision: 18, scale: 2, transformer: money })
  amount: number

  @Column({ default: 'pending' })
  status: string

  @Column({ type: 'text', nullable: true })
  description: string | null

  @Column({ type: 'text', nullable: true })
  adminNotes: string | null

  @Column({ type: 'text', nullable: true })
  processedBy: string | null

  @CreateDateColumn()
  createdAt: Date

  @UpdateDateColumn()
  updatedAt: Date
}
