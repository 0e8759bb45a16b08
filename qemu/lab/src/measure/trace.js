'use strict'
// What `nodeos measure APP` puts before what an app's /init does: a line when the app's own code begins, one when it listens.
const { writeSync } = require('node:fs')
const Module = require('node:module')
const { subscribe } = require('node:diagnostics_channel')
if (!Module.registerHooks) throw new Error('node 22.15 or newer is needed for the timeline of an app')

// the app does not know it, so no line that it prints is taken for one of these
const key = Math.floor(Math.random() * 2 ** 48)
const microseconds = () => Number(process.hrtime.bigint() / 1000n)
// at once, and on a line of its own
const say = (what, numbers) => writeSync(1, `\nmeter: node ${what} Key=${key} ${numbers}\n`)

function begin () {
  if (begin.was) return
  begin.was = true
  hooks.deregister()
  const now = microseconds()
  const { nodeStart, v8Start, environment, bootstrapComplete } = performance.nodeTiming
  const at = ms => ready + Math.round((ms - since) * 1000)
  say('first', `Now=${now} Start=${at(nodeStart)} V8=${at(v8Start)} Environment=${at(environment)} ` +
    `Bootstrap=${at(bootstrapComplete)} Ready=${ready}`)
}

// CommonJS: once the entry is compiled, node asks its module for the exports
const { _compile } = Module.prototype
Module.prototype._compile = function (...given) {
  Module.prototype._compile = _compile
  const { exports } = this
  const put = value => Object.defineProperty(this, 'exports', { value, configurable: true, enumerable: true, writable: true })
  const get = () => {
    put(exports)
    begin()
    return exports
  }
  Object.defineProperty(this, 'exports', { get, set: put, configurable: true, enumerable: true })
  const result = _compile.apply(this, given)
  // not asked: it is a module of ECMAScript after all, and still to be loaded as one
  if (Object.getOwnPropertyDescriptor(this, 'exports').get === get) put(exports)
  return result
}

// a module of ECMAScript: once all are loaded, node evaluates the entry's first import
process.once('nodeos', begin)
let entry
const hooks = Module.registerHooks({
  load (url, context, next) {
    const loaded = next(url, context)
    if (!entry && loaded.format?.startsWith('module')) {
      entry = url
      const first = '$1import "data:text/javascript,process.emit(`nodeos`)";'
      loaded.source = Buffer.from(loaded.source).toString().replace(/^(#!.*\n)?/, first)
    }
    return loaded
  }
})

const LISTENS = 'tracing:net.server.listen:asyncEnd'
subscribe(LISTENS, function listens () {
  require('node:diagnostics_channel').unsubscribe(LISTENS, listens)
  say('listen', `Now=${microseconds()}`)
})

// asked for the first time, it takes its time
const since = performance.now()
const ready = microseconds()
