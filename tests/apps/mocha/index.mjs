import Mocha from 'mocha'

const mocha = new Mocha({ reporter: class {} })
mocha.addFile('/app/sum.spec.cjs')
await mocha.loadFilesAsync()
const runner = mocha.run((failures) => console.log('mocha:', runner.stats.passes, failures))
