'use strict'
// userdel: stops a user, and removes the home with all that root has noted about that name.

const fs = require('node:fs')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Failure } = require('../shell.js')
const { Folder, remove, within } = require('./beneath.js')
const homes = require('./homes.js')
const machine = require('./machine.js')
const { options } = require('./options.js')

/** For a moment the machine may not take orders. In milliseconds, as all of these. */
const TAKES_WITHIN = 5_000
/** A stop takes as long as the longest grace, 60 s, and a moment more. */
const STOPS_WITHIN = 70_000
/** The home of a user who has stopped is free a moment later, when root's view of the live root has gone. */
const FREE_WITHIN = 5_000
/** The pause before it is tried again. */
const EACH = 200

/** Asks the person at the terminal. */
const sure = async (name, runner) => {
  const question = `delete ${name} and all its files?`
  if (!runner.io[0].terminal) throw new Failure(`${question} -y says yes; nothing was changed`, 2)
  await runner.io[2].write(`${question} [y/N] `)
  const answer = (await runner.io[0].line()) ?? ''
  if (!/^\s*y(es)?\s*$/i.test(answer)) throw new Failure('nothing was changed')
}

/** Tries again until it works, or the time is over. */
const until = async (within, runner, works) => {
  const end = Date.now() + within
  while (!(await works())) {
    if (runner.signal?.aborted) throw new Failure('nothing was removed', 130)
    if (Date.now() >= end) return false
    await pause(EACH)
  }
  return true
}

/** Asks the machine to stop a user; false if it is too busy to hear that. */
const order = (name, runner) => machine.stop(name, runner).then(() => true, (error) => {
  if (error.answer !== 503) throw error
  return false
})

/** Stops a user for good, and waits until nothing of it runs. */
const stop = async (name, runner) => {
  if (!(await until(TAKES_WITHIN, runner, () => order(name, runner)))) throw new Failure('the machine is busy; nothing was changed; try again')
  // the door may be closed for a moment
  const runs = () => machine.running(runner).then((names) => names.has(name), () => true)
  if (!(await runs())) return
  await runner.say(`userdel: waiting until ${name} has stopped, ${STOPS_WITHIN / 1000} s at most`)
  if (!(await until(STOPS_WITHIN, runner, async () => !(await runs())))) {
    throw new Failure(`${name} still runs; no file was removed; try again`)
  }
}

/** Takes the name from a home. */
const unname = async (at, name, runner) => {
  const gone = homes.aside(at, 'gone')
  const renamed = () => {
    try {
      fs.renameSync(join(at, name), gone)
      return true
    } catch (error) {
      if (error.code !== 'EBUSY') throw error
      return false
    }
  }
  if (!(await until(FREE_WITHIN, runner, renamed))) throw new Failure(`${join(at, name)} is still in use; no file was removed; try again`)
  return gone
}

/** Removes what root has noted: another user of that name gets none of it. */
const forget = (at, name) => {
  const policies = join(at, '.policy')
  for (const ending of ['.json', '.env']) {
    try {
      fs.rmSync(join(policies, `${name}${ending}`), { force: true })
    } catch (error) {
      if (error.code !== 'ENAMETOOLONG') throw error // then there is none
    }
  }
  if (fs.existsSync(policies)) within(Folder.open(policies), ({ number }) => fs.fsyncSync(number))
}

exports.userdel = async (args, runner) => {
  const { on, words: [name, ...more] } = options(args, 'ry')
  if (name === undefined || more.length > 0) throw new Failure('it takes one name: userdel [-y] NAME', 2)
  homes.needRoot(runner)
  const at = homes.top(runner)
  homes.open(at, name).close()
  if (name === 'root') throw new Failure('root stays: nobody else could administer the machine')
  if (homes.isOwn(name)) throw new Failure(`you are ${name}: log on as root`)
  if (!on.y) await sure(name, runner)
  homes.sweep(at)
  await stop(name, runner)
  const gone = await unname(at, name, runner)
  forget(at, name)
  remove(gone)
  await runner.out(`removed ${name}\n`)
}
