import { Queue } from 'bullmq'

// there is no Redis: a queue says so
const queue = new Queue('jobs', { connection: { host: '127.0.0.1', port: 6379, retryStrategy: null } })
queue.once('error', (error) => {
  console.log('bullmq:', error.code ?? error.message)
  process.exit()
})
