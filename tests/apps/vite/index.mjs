import fs from 'node:fs'
import { build } from 'vite'

await build({ root: '/app/site', logLevel: 'error', cacheDir: '/tmp/vite', build: { outDir: '/tmp/dist' } })
const [script] = fs.readdirSync('/tmp/dist/assets')
const page = fs.readFileSync('/tmp/dist/index.html', 'utf8')
console.log('vite:', page.includes(script), fs.readFileSync(`/tmp/dist/assets/${script}`, 'utf8').includes('built'))
process.exit()
