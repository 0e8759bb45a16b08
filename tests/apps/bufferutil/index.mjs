import path from 'node:path'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
// what `bufferutil` itself loads, without its fallback in JavaScript
const { mask } = require('node-gyp-build')(path.dirname(require.resolve('bufferutil/package.json')))
const out = Buffer.alloc(3)
mask(Buffer.from([1, 2, 3]), Buffer.from([255, 0, 255, 0]), out, 0, 3)
console.log('bufferutil:', out.join(' '))
