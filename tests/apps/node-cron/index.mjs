import cron from 'node-cron'

let count = 0
const task = cron.schedule('* * * * * *', () => {
  if (++count < 2) return
  console.log('node-cron:', count, cron.validate('61 * * * *'))
  task.stop()
})
