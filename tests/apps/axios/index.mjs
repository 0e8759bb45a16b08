import { createServer } from 'node:http'
import axios from 'axios'

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method: request.method, url: request.url }))
}).listen(8000, async () => {
  const { data } = await axios.post('http://127.0.0.1:8000/a', {}, { params: { b: 'c d' } })
  console.log('axios:', data.method, data.url)
  server.close()
})
