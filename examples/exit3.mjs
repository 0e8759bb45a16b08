// nodeos run examples/exit3.mjs; echo $?
console.log('this app ends with 3')
process.exitCode = 3
