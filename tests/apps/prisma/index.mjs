import { spawnSync } from 'node:child_process'
import { PrismaLibSql } from '@prisma/adapter-libsql'

// the command fetches an engine that it does not use to generate; any file does
const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
const made = spawnSync('node', ['node_modules/prisma/build/index.js', 'generate'], { encoding: 'utf8', env })
if (made.status !== 0) console.log(made.stdout, made.stderr, made.error, made.signal)
const { PrismaClient } = await import('./generated/client.ts')
const client = new PrismaClient({ adapter: new PrismaLibSql({ url: 'file:/data.db' }) })
await client.$executeRawUnsafe('create table User (id integer primary key, name text not null)')
await client.user.create({ data: { name: 'ana' } })
console.log('prisma:', JSON.stringify(await client.user.findMany({ where: { name: { startsWith: 'a' } } })))
await client.$disconnect()
