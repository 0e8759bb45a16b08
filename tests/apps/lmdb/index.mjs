import { open } from 'lmdb'

const database = open({ path: '/data.mdb' })
await database.put('answer', { is: 42 })
console.log('lmdb:', database.get('answer').is, database.getKeysCount())
await database.close()
