import fastify from 'fastify'

const app = fastify()
const schema = { params: { type: 'object', properties: { number: { type: 'integer' } } } }
app.get('/double/:number', { schema }, async (request) => ({ is: request.params.number * 2 }))
await app.listen({ port: 8000 })
const good = await fetch('http://127.0.0.1:8000/double/21')
const bad = await fetch('http://127.0.0.1:8000/double/x')
console.log('fastify:', await good.text(), bad.status)
await app.close()
