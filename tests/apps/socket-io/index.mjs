import { Server } from 'socket.io'
import { io } from 'socket.io-client'

const server = new Server(8000)
server.on('connection', (socket) => socket.on('double', (number, answer) => answer(number * 2)))
const client = io('http://127.0.0.1:8000')
console.log('socket.io:', await client.emitWithAck('double', 21), client.connected)
client.close()
server.close()
