'use strict'
// users: who can use the machine, for root.

const { shown } = require('../ends.js')
const { reason } = require('../reason.js')
const { within } = require('./beneath.js')
const homes = require('./homes.js')
const logon = require('./logon.js')
const machine = require('./machine.js')
const { columns, options } = require('./options.js')

/** Whether a home has an init that runs: a regular file of its owner, who may run it. */
const hasInit = (home, uid) => {
  const init = home.look('init')
  return init !== undefined && init.isFile() && init.uid === uid && (init.mode & 0o100) !== 0
}

exports.users = async (args, runner) => {
  options(args, '')
  homes.needRoot(runner)
  const at = homes.top(runner)
  const running = await machine.running(runner).catch(() => undefined)
  const rows = homes.list(at).map(({ name, uid, refused }) => {
    if (refused !== undefined) return [shown(name), `${uid}`, '-', '-', `refused: ${refused}`]
    const state = running === undefined ? 'unknown' : running.has(name) ? 'running' : '-'
    try {
      return within(homes.open(at, name), (home) => [name, `${uid}`, logon.how(home, name), hasInit(home, uid) ? 'init' : '-', state])
    } catch (error) {
      return [name, `${uid}`, '?', '?', reason(error)] // it went, or changes
    }
  })
  await runner.out(columns(['name', '>uid', 'logon', 'init', 'state'], rows))
}
