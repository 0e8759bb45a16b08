import fs from 'node:fs'
import pino from 'pino'

// the transport is a worker thread
const transport = pino.transport({ target: 'pino/file', options: { destination: '/tmp/log' } })
const log = pino({ base: null, timestamp: false }, transport)
log.info({ who: 'ana' }, 'hello')
transport.end()
// the thread alone does not keep node running
const waiting = setInterval(() => {}, 1000)
transport.on('close', () => {
  clearInterval(waiting)
  console.log('pino:', fs.readFileSync('/tmp/log', 'utf8').trim())
})
