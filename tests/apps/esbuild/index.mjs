import { transform } from 'esbuild'

const { code } = await transform('const one: number = 1; console.log(one + 1)', { loader: 'ts', minify: true })
console.log('esbuild:', code.trim())
