import { IsIn, IsNumber, IsOptional, IsPositive, IsString } from 'class-validator'

export class TopupDto {
  @IsNumber({ maxDecimalPlaces: 2 })
  @IsPositive()
  amount: number

  @IsOptional()
  @IsString()
  description?: string
}

export class CreateTransactionDto extends TopupDto {
  @IsIn(['booking_payment'])
  type: string
}

export class ProcessTopupDto {
  @IsIn(['success', 'failed'])
  status: 'success' | 'failed'

  @IsOptional()
  @IsString()
  adminNotes?: string
}
