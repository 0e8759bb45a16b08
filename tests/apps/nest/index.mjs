import 'reflect-metadata'
import { Controller, Get, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

// decorators as the TypeScript compiler applies them
class Words { hello = () => 'hello from a service' }
Injectable()(Words)
class Pages {
  constructor(words) { this.words = words }
  page() { return this.words.hello() }
}
Reflect.defineMetadata('design:paramtypes', [Words], Pages)
Get()(Pages.prototype, 'page', Object.getOwnPropertyDescriptor(Pages.prototype, 'page'))
Controller('page')(Pages)
class App {}
Module({ controllers: [Pages], providers: [Words] })(App)

const app = await NestFactory.create(App, { logger: ['error', 'warn'] })
await app.listen(8000, '127.0.0.1')
console.log('@nestjs/core:', await (await fetch('http://127.0.0.1:8000/page')).text())
await app.close()
