#!/usr/bin/env node
'use strict'
// What `nodeos measure` boots: the first line says when it is and what it took, the second that somebody may connect.
const used = process.cpuUsage()
const now = process.hrtime.bigint() / 1000n
// asked for the first time, it takes its time
const since = performance.now()
const then = Number(process.hrtime.bigint() / 1000n)
const { nodeStart, v8Start, environment, bootstrapComplete } = performance.nodeTiming
const at = ms => then + Math.round((ms - since) * 1000)
console.log(`meter: node first Used=${used.user + used.system} Now=${now} Start=${at(nodeStart)} V8=${at(v8Start)} ` +
  `Environment=${at(environment)} Bootstrap=${at(bootstrapComplete)}`)
require('http').createServer().listen(0, '127.0.0.1', function () {
  console.log(`meter: node listen Now=${process.hrtime.bigint() / 1000n}`)
  this.close()
})
