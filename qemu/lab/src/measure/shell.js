'use strict'
// A session as `nodeos measure` has it: holds still at its first line, for the meter to read, and becomes a REPL.
console.log('the first line')
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000)
require('repl').start('> ')
