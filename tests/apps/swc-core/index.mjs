import { transform } from '@swc/core'

const { code } = await transform('const one: number = 1', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } })
console.log('@swc/core:', code.trim())
