import WebSocket, { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 8000 })
server.on('connection', (socket) => socket.on('message', (data) => socket.send(`got ${data}`)))
const client = new WebSocket('ws://127.0.0.1:8000')
client.on('open', () => client.send('hello'))
client.on('message', (data) => {
  console.log('ws:', data.toString())
  client.terminate()
  server.close()
})
