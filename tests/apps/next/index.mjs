import { createServer } from 'node:http'
import { spawnSync } from 'node:child_process'
import next from 'next'

const build = spawnSync('node', ['node_modules/next/dist/bin/next', 'build'], { encoding: 'utf8' })
if (build.status !== 0) console.log(build.stdout, build.stderr, build.error, build.signal)
const app = next({ dev: false, dir: '/app' })
await app.prepare()
createServer(app.getRequestHandler()).listen(8000, async () => {
  const page = await (await fetch('http://127.0.0.1:8000/?name=ana')).text()
  console.log('next:', page.match(/<h1>.*<\/h1>/)[0].replaceAll('<!-- -->', ''))
  process.exit()
})
