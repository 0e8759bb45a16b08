import argon2 from 'argon2'

const hash = await argon2.hash('secret', { memoryCost: 1024, timeCost: 2 })
console.log('argon2:', await argon2.verify(hash, 'secret'), await argon2.verify(hash, 'other'))
