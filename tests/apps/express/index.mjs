import express from 'express'

const app = express()
app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name }))
const server = app.listen(8000, async () => {
  console.log('express:', await (await fetch('http://127.0.0.1:8000/hello/ana')).text())
  server.close()
})
