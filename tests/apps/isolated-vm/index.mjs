import ivm from 'isolated-vm'

const isolate = new ivm.Isolate({ memoryLimit: 32 })
const context = await isolate.createContext()
console.log('isolated-vm:', await context.eval('6 * 7'), await context.eval('typeof process'))
