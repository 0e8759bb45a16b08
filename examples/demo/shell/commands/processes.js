'use strict'
const { constants } = require('node:os')
const { reason } = require('../reason.js')
const { Failure } = require('../shell.js')
const { need } = require('./options.js')

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
