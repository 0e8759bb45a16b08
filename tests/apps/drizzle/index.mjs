import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull() })
const database = drizzle({ connection: { url: 'file:/data.db' } })
await database.run(sql`create table users (id integer primary key, name text not null)`)
await database.insert(users).values([{ name: 'ana' }, { name: 'bo' }])
console.log('drizzle-orm:', JSON.stringify(await database.select().from(users).where(eq(users.name, 'bo'))))
