import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common'
import { AdminGuard, type Authenticated, JwtAuthGuard } from './jwt-auth.guard.js'
import { CreateTransactionDto, ProcessTopupDto, TopupDto } from './transaction.dto.js'
import { TransactionService } from './transaction.service.js'

@Controller('transactions')
@UseGuards(JwtAuthGuard)
export class TransactionController {
  constructor(private readonly transactions: TransactionService) {}

  @Get('balance/cached')
  cachedBalance(@Req() request: Authenticated) {
    return this.transactions.getCachedBalance(request.user.sub)
  }

  @Post('topup')
  @HttpCode(201)
  createTopup(@Req() request: Authenticated, @Body() dto: TopupDto) {
    return this.transactions.createTopup(request.user.sub, dto)
  }

  @Post()
  @HttpCode(201)
  create(@Req() request: Authenticated, @Body() dto: CreateTransactionDto) {
    return this.transactions.createTransaction(request.user.sub, dto)
  }

  @Patch('topup/:id/process')
  @UseGuards(AdminGuard)
  processTopup(
    @Req() request: Authenticated,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() dto: ProcessTopupDto,
  ) {
    return this.transactions.processTopup(id, request.user.sub, dto)
  }
}
