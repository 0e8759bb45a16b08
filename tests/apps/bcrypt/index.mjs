import bcrypt from 'bcrypt'

const hash = await bcrypt.hash('secret', 4)
console.log('bcrypt:', await bcrypt.compare('secret', hash), await bcrypt.compare('other', hash))
