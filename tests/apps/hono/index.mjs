import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/hello/:name', (context) => context.json({ hello: context.req.param('name') }))
const server = serve({ fetch: app.fetch, port: 8000 }, async () => {
  console.log('hono:', await (await fetch('http://127.0.0.1:8000/hello/ana')).text())
  server.close()
})
