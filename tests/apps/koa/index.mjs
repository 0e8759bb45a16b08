import Koa from 'koa'

const app = new Koa()
app.use(async (context, next) => { await next(); context.set('x-after', 'yes') })
app.use((context) => { context.body = { path: context.path } })
const server = app.listen(8000, async () => {
  const response = await fetch('http://127.0.0.1:8000/a')
  console.log('koa:', await response.text(), response.headers.get('x-after'))
  server.close()
})
