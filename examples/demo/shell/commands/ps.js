'use strict'
// ps: a user sees their own processes alone. Packages such as tree-kill start it as a program: ps -o pid --ppid 7.

const fs = require('node:fs')
const { printed } = require('../ends.js')
const { names } = require('./accounts.js')
const { Failure } = require('../shell.js')
const { columns, size } = require('./options.js')

/** Ticks of a second in /proc/[pid]/stat, on all architectures (USER_HZ). */
const TICKS = 100

/** What is known of a process; `undefined` if it is gone. */
const look = (pid) => {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
    // what follows the name starts with field 3 (proc_pid_stat(5))
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '').replaceAll('\0', ' ')
    const resident = /^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
    const seconds = Math.floor((Number(fields[11]) + Number(fields[12])) / TICKS)
    const time = `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`
    return { pid, ppid: Number(fields[1]), stat: fields[0], rss: Number(resident), time, comm: name, args: words || `[${name}]`, uid: fs.statSync(`/proc/${pid}`).uid }
  } catch {
    return undefined
  }
}

/** Columns by the names of `-o`; those with a `>` are at the right. */
const COLUMNS = {
  args: ['COMMAND', (one) => one.args],
  comm: ['COMMAND', (one) => one.comm],
  memory: ['>MEMORY', (one) => size(one.rss * 1024, true)],
  pid: ['>PID', (one) => one.pid],
  ppid: ['>PPID', (one) => one.ppid],
  rss: ['>RSS', (one) => one.rss],
  stat: ['STAT', (one) => one.stat],
  time: ['>TIME', (one) => one.time],
  uid: ['>UID', (one) => one.uid],
  user: ['USER', (one, user) => user(one.uid)]
}
const OTHER_NAMES = { cmd: 'args', command: 'args', ucmd: 'comm', s: 'stat', state: 'stat', rssize: 'rss' }

/** What is wanted: columns, whose processes, whether there is a heading. All are shown, however they are asked for. */
const read = (args) => {
  const wanted = { columns: ['user', 'pid', 'stat', 'memory', 'time', 'args'], heading: true, of: () => true }
  const rest = [...args]
  const numbers = (text) => (text ?? '').split(/[ ,]+/).map(Number)
  while (rest.length > 0) {
    const [, option, value] = /^(--\w[\w-]*)=(.*)$/.exec(rest[0]) ?? [undefined, rest[0]]
    rest.shift()
    const next = () => value ?? rest.shift()
    if (['-o', '-eo', '-Ao', '-axo', '--format'].includes(option)) {
      wanted.columns = (next() ?? '').split(/[ ,]+/).map((name) => OTHER_NAMES[name.replace(/=.*/, '')] ?? name.replace(/=.*/, ''))
    } else if (option === '--ppid') {
      const parents = numbers(next())
      wanted.of = ({ ppid }) => parents.includes(ppid)
    } else if (option === '-p' || option === '--pid') {
      const pids = numbers(next())
      wanted.of = ({ pid }) => pids.includes(pid)
    } else if (option === '--no-headers' || option === '--no-heading') wanted.heading = false
    else if (!/^-?[aAefxuwl]+$/.test(option)) throw new Failure(`it has no option ${option} here`, 2)
  }
  const unknown = wanted.columns.find((name) => !Object.hasOwn(COLUMNS, name))
  if (unknown !== undefined) throw new Failure(`it has no column ${unknown} here`, 2)
  return wanted
}

exports.ps = async (args, { io, out }) => {
  const { columns: which, heading, of } = read(args)
  const { user } = names()
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b)
  const found = pids.map(look).filter((one) => one !== undefined && of(one))
  const print = printed(io[1])
  const cell = (name, one) => print(`${COLUMNS[name][1](one, user)}`)
  const text = columns(which.map((name) => COLUMNS[name][0]), found.map((one) => which.map((name) => cell(name, one))))
  await out(heading ? text : text.slice(text.indexOf('\n') + 1))
  return found.length > 0 ? 0 : 1
}
