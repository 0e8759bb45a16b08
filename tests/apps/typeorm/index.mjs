import 'reflect-metadata'
import { DataSource, EntitySchema, Like } from 'typeorm'

const columns = { id: { type: Number, primary: true, generated: true }, name: { type: String } }
const User = new EntitySchema({ name: 'User', columns })
const source = await new DataSource({ type: 'sqljs', entities: [User], synchronize: true }).initialize()
await source.getRepository('User').save([{ name: 'ana' }, { name: 'bo' }])
console.log('typeorm:', JSON.stringify(await source.getRepository('User').findBy({ name: Like('a%') })))
await source.destroy()
