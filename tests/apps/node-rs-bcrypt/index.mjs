import { hash, compare } from '@node-rs/bcrypt'

const hashed = await hash('secret', 4)
console.log('@node-rs/bcrypt:', await compare('secret', hashed), await compare('other', hashed))
