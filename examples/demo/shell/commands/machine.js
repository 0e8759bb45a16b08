'use strict'
// What the machine does for its users, through its door.

const os = require('node:os')
const machine = require('../machine.js')
const { Failure } = require('../shell.js')
const { columns, options, size } = require('./options.js')

/** What a door says that does not know a path (shim/src/door/mod.rs). */
const NO_PATH = 'there is nothing at this path'

/** Asks the door; complains as the shell does, about a user if the question names one. */
const ask = async (runner, question, user) => {
  const socketPath = runner.shell.get('MACHINE_SOCKET')
  try {
    return await question({ signal: runner.signal, ...(socketPath ? { socketPath } : {}) })
  } catch (error) {
    if (runner.signal?.aborted) return
    const gone = { ENOENT: 'this machine has no door', ECONNREFUSED: 'the door is closed: try again' }[error.code]
    const old = error.status === 404 && error.message === NO_PATH ? 'the NodeOS of this machine is older than this command' : undefined
    const about = user === undefined || gone || old ? '' : `${user}: `
    throw Object.assign(new Failure(`${about}${gone ?? old ?? error.message}`), { answer: old === undefined ? error.status : undefined })
  }
}

/** Stops a user until the home is made again. One whom the machine does not know does not run. */
exports.stop = async (name, runner) => {
  try {
    await ask(runner, (door) => machine.stop(name, door))
  } catch (error) {
    if (error.answer !== 404) throw error
  }
}

/** The names of all users who have a sandbox. */
exports.running = async (runner) => {
  const status = await ask(runner, machine.status)
  if (status === undefined) throw new Failure('interrupted', 130)
  return new Set(status.users.map(({ name }) => name))
}

/** A command without words: `reboot 5` must not reboot at once. */
const alone = (act) => (args, runner) => {
  if (options(args, '').words.length > 0) throw new Failure('it takes no words', 2)
  return act(runner)
}

exports.poweroff = alone((runner) => ask(runner, machine.powerOff))

exports.reboot = alone((runner) => ask(runner, machine.reboot))

exports.restart = (args, runner) => {
  const { words: [user, ...more] } = options(args, '')
  if (more.length > 0) throw new Failure('it takes one name at most', 2)
  return ask(runner, (door) => machine.restart(user, door), user)
}

const print = (runner, what) => ask(runner, async (door) => {
  for await (const text of machine.log({ ...door, ...what })) await runner.out(text)
}, what.user)

exports.log = (args, runner) => {
  const { on, words: [user] } = options(args, 'f')
  return print(runner, { user, follow: on.f })
}

exports.dmesg = (args, runner) => {
  const { on } = options(args.map((arg) => (arg === '-w' ? '-f' : arg)), 'f')
  return print(runner, { kernel: true, follow: on.f })
}

exports.status = alone((runner) => ask(runner, async (door) => {
  const { name, nodeos, kernel, uptime, time, synchronized, time_source: source, memory, addresses, users } = await machine.status(door)
  const rows = users.map((user) => [user.name, `${user.uid}`, `${user.processes}`, size(user.memory, true), `${user.restarts}`])
  await runner.out(`${name}: NodeOS ${nodeos}, Linux ${kernel}
up ${uptime} s; ${time} (${source})${synchronized ? '' : ', which no time server has confirmed'}
memory: ${size(memory.total, true)}, ${size(memory.available, true)} available
addresses: ${addresses.map(({ card, address }) => `${card} ${address}`).join(', ') || 'none'}
${columns(['user', '>uid', '>processes', '>memory', '>restarts'], rows)}`)
}))

/** The addresses of the machine that a sandbox sees: card and address. */
const seen = () => Object.entries(os.networkInterfaces()).flatMap(([card, all]) =>
  all.filter(({ internal }) => !internal).map(({ cidr }) => [card, cidr]))

exports.ip = alone(async (runner) => {
  let rows = seen()
  if (rows.length === 0) {
    // a user with a network of its own sees no card of the machine
    const { addresses = [] } = (await ask(runner, machine.status)) ?? {}
    rows = addresses.map(({ card, address }) => [card, address])
  }
  if (rows.length === 0) throw new Failure('the machine has no address yet: is a cable in? Try again in some seconds')
  await runner.out(columns(['card', 'address'], rows))
})
