// nodeos run examples/hello.js
console.log(`hello from Node.js ${process.version} on ${process.arch}`)
