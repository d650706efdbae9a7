import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { ValidationPipe } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module.js'

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }))
await app.listen(0, '127.0.0.1')
console.log((app.getHttpServer().address() as AddressInfo).port)
