'use strict'
// What the machine does for its users, through its door.

const machine = require('../machine.js')
const { Failure } = require('../shell.js')
const { columns, options, size } = require('./options.js')

/** Asks the door; complains as the shell does. */
const ask = async (runner, question) => {
  const socketPath = runner.shell.get('MACHINE_SOCKET')
  try {
    return await question({ signal: runner.signal, ...(socketPath ? { socketPath } : {}) })
  } catch (error) {
    if (runner.signal?.aborted) return
    const gone = { ENOENT: 'this machine has no door', ECONNREFUSED: 'the door is closed: try again' }[error.code]
    throw new Failure(gone ?? error.message)
  }
}

exports.poweroff = (args, runner) => ask(runner, machine.powerOff)

exports.reboot = (args, runner) => ask(runner, machine.reboot)

const print = (runner, what) => ask(runner, async (door) => {
  for await (const text of machine.log({ ...door, ...what })) await runner.out(text)
})

exports.log = (args, runner) => {
  const { on, words: [user] } = options(args, 'f')
  return print(runner, { user, follow: on.f })
}

exports.dmesg = (args, runner) => {
  const { on } = options(args.map((arg) => (arg === '-w' ? '-f' : arg)), 'f')
  return print(runner, { kernel: true, follow: on.f })
}

exports.status = (args, runner) => ask(runner, async (door) => {
  const { name, nodeos, kernel, uptime, time, synchronized, time_source: source, memory, addresses, users } = await machine.status(door)
  const rows = users.map((user) => [user.name, `${user.uid}`, `${user.processes}`, size(user.memory, true), `${user.restarts}`])
  await runner.out(`${name}: NodeOS ${nodeos}, Linux ${kernel}
up ${uptime} s; ${time} (${source})${synchronized ? '' : ', which no time server has confirmed'}
memory: ${size(memory.total, true)}, ${size(memory.available, true)} available
addresses: ${addresses.map(({ card, address }) => `${card} ${address}`).join(', ') || 'none'}
${columns(['user', '>uid', '>processes', '>memory', '>restarts'], rows)}`)
})
