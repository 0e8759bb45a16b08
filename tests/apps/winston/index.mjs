import fs from 'node:fs'
import winston from 'winston'

const file = new winston.transports.File({ filename: '/tmp/log' })
const log = winston.createLogger({ transports: [file], format: winston.format.json() })
file.on('finish', () => setTimeout(() => console.log('winston:', fs.readFileSync('/tmp/log', 'utf8').trim()), 100))
log.info('hello', { who: 'ana' })
log.end()
