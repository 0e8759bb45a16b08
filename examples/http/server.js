import { createServer } from 'node:http'

const port = 80
const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`)
  response.end('hello from NodeOS\n')
})
server.listen(port, () => console.log(`listening on port ${port}`))
