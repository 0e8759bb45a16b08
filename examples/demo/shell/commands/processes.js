'use strict'
const fs = require('node:fs')
const { constants } = require('node:os')
const { names } = require('./accounts.js')
const { reason } = require('../reason.js')
const { Failure } = require('../shell.js')
const { columns, need, size } = require('./options.js')

/** Ticks of a second in /proc/[pid]/stat, on all architectures (USER_HZ). */
const TICKS = 100

/** A row of `ps`; `undefined` if the process is gone. */
const process_ = (pid, user) => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '').replaceAll('\0', ' ')
    const seconds = Math.floor((Number(fields[11]) + Number(fields[12])) / TICKS)
    const resident = /^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
    const name = command || `[${stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))}]`
    const time = `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`
    return [user(fs.statSync(`/proc/${pid}`).uid), pid, fields[0], size(Number(resident) * 1024, true), time, name]
  } catch {
    return undefined
  }
}

exports.ps = (args, { out }) => {
  const { user } = names()
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b)
  const rows = pids.map((pid) => process_(pid, user)).filter((row) => row !== undefined)
  return out(columns(['USER', '>PID', 'STAT', '>MEMORY', '>TIME', 'COMMAND'], rows))
}

exports.kill = async (args, { out, say }) => {
  const words = [...args]
  let signal = 'SIGTERM'
  const named = (text) => {
    const name = /^\d+$/.test(text) ? Object.keys(constants.signals).find((key) => constants.signals[key] === Number(text)) : `SIG${text.toUpperCase().replace(/^SIG/, '')}`
    if (text === '0') return 0
    if (name === undefined || !Object.hasOwn(constants.signals, name)) throw new Failure(`${text}: not a signal; kill -l lists them`, 2)
    return name
  }
  if (words[0] === '-l') return out(`${Object.entries(constants.signals).map(([name, number]) => `${number} ${name.slice(3)}`).join('\n')}\n`)
  if (words[0] === '-s') signal = named(words.splice(0, 2)[1] ?? '')
  else if (words[0]?.startsWith('-') && words[0] !== '--' && words.length > 1) signal = named(words.shift().slice(1))
  if (words[0] === '--') words.shift()
  need(words, 1, 'process')
  let status = 0
  for (const word of words) {
    try {
      if (!/^-?\d+$/.test(word)) throw new Failure(`${word}: not the number of a process`)
      process.kill(Number(word), signal)
    } catch (error) {
      const why = { ESRCH: 'no such process', EPERM: 'it is not yours' }[error.code]
      await say(`kill: ${why === undefined ? reason(error) : `${word}: ${why}`}`)
      status = 1
    }
  }
  return status
}

exports.sleep = (args, { signal }) => {
  need(args, 1, 'time')
  const units = { s: 1, m: 60, h: 3600, d: 86_400 }
  const seconds = args.reduce((sum, word) => {
    const [, number, unit] = /^(\d*\.?\d+)([smhd]?)$/.exec(word) ?? []
    if (number === undefined) throw new Failure(`${word}: not a time such as 2 or 0.5`, 2)
    return sum + Number(number) * units[unit || 's']
  }, 0)
  return require('node:timers/promises').setTimeout(seconds * 1000, 0, { signal })
}
