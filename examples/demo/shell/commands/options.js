'use strict'
const { Failure } = require('../shell.js')

/**
 * Options of one letter, before and between words: `-la`, `-n 3`, `-n3`, `--`.
 * @param {string[]} args
 * @param {string} known the letters; a colon after one says that it takes a value
 * @returns {{on: Record<string, true|string>, words: string[]}}
 */
exports.options = (args, known) => {
  const on = {}
  const words = []
  const rest = [...args]
  while (rest.length > 0) {
    const arg = rest.shift()
    if (arg === '--') return { on, words: [...words, ...rest] }
    if (!/^-./.test(arg)) {
      words.push(arg)
      continue
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]
      const place = known.indexOf(letter)
      if (place < 0 || letter === ':') throw new Failure(`it has no option ${arg.startsWith('--') ? arg : `-${letter}`} here`, 2)
      if (known[place + 1] !== ':') on[letter] = true
      else {
        on[letter] = arg.slice(at + 1) || rest.shift()
        if (on[letter] === undefined) throw new Failure(`-${letter} takes a value`, 2)
        break
      }
    }
  }
  return { on, words }
}

/** Fails with what a command takes, unless it has at least so many words. */
exports.need = (words, count, what) => {
  if (words.length < count) throw new Failure(`which ${what}?`, 2)
}

/** A number of bytes as a person reads it. */
exports.size = (bytes, human) => {
  if (!human) return `${bytes}`
  const units = ['', 'K', 'M', 'G', 'T']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit]}`
}

/** Rows as columns; those with a `>` before their heading are at the right. */
exports.columns = (heading, rows) => {
  const titles = heading.map((title) => title.replace('>', ''))
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => `${row[at]}`.length)))
  const cell = (text, at) => {
    if (heading[at].startsWith('>')) return `${text}`.padStart(widths[at])
    return at === heading.length - 1 ? `${text}` : `${text}`.padEnd(widths[at])
  }
  return [titles, ...rows].map((row) => `${row.map(cell).join(' ').trimEnd()}\n`).join('')
}
