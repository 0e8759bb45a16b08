import fs from 'node:fs'
import { promisify } from 'node:util'
import pm2 from 'pm2'

await promisify(pm2.connect.bind(pm2))(true)
await promisify(pm2.start.bind(pm2))({ name: 'job', script: 'job.js', out_file: '/tmp/log' })
for (const file = '/tmp/log'; !fs.existsSync(file) || fs.readFileSync(file, 'utf8') === '';) {
  await new Promise((done) => setTimeout(done, 100))
}
const [{ name, pm2_env: { status } }] = await promisify(pm2.list.bind(pm2))()
// pm2 replaces console.log
fs.writeSync(1, `pm2: ${name} ${status} ${fs.readFileSync('/tmp/log', 'utf8')}`)
process.exit()
