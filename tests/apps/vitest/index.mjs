import { startVitest } from 'vitest/node'

const options = { run: true, watch: false, reporters: [{}], cache: false }
const vitest = await startVitest('test', [], options, { cacheDir: '/tmp/vite' })
const [file] = vitest.state.getTestModules()
console.log('vitest:', [...file.children.allTests()].map((test) => `${test.name} ${test.result().state}`).join(', '))
await vitest.close()
process.exit(0)
