import { rollup } from 'rollup'

const parts = { main: "import { two } from 'part'; console.log(two)", part: 'export const two = 2, unused = 3' }
const plugin = { resolveId: (id) => id, load: (id) => parts[id] }
const bundle = await rollup({ input: 'main', plugins: [plugin] })
const { output: [{ code }] } = await bundle.generate({ format: 'es' })
console.log('rollup:', code.trim().replaceAll('\n', ' '))
