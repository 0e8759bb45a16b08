import { once } from 'node:events'
import fs from 'node:fs'
import pino from 'pino'

// the transport is a worker thread
const transport = pino.transport({ target: 'pino/file', options: { destination: '/tmp/log' } })
// pino waits 10 s at most for its thread, which is too short on a busy host
await once(transport, 'ready')
const log = pino({ base: null, timestamp: false }, transport)
log.info({ who: 'ana' }, 'hello')
transport.end()
// the thread alone does not keep node running
const waiting = setInterval(() => {}, 1000)
transport.on('close', () => {
  clearInterval(waiting)
  console.log('pino:', fs.readFileSync('/tmp/log', 'utf8').trim())
})
