import { createServer } from 'node:http'
import { Pool } from 'undici'

const server = createServer((request, response) => response.end(request.url)).listen(8000, async () => {
  const pool = new Pool('http://127.0.0.1:8000', { connections: 2 })
  const answers = ['/a', '/b', '/c'].map(async (path) => (await pool.request({ path, method: 'GET' })).body.text())
  console.log('undici:', (await Promise.all(answers)).join(' '))
  await pool.close()
  server.close()
})
