'use strict'
// ls: at a terminal an array, as console.log printed it in 2015; for programs one name a line.

const fs = require('node:fs')
const { join, resolve } = require('node:path')
const { inspect } = require('node:util')
const { printed } = require('../ends.js')
const { names } = require('./accounts.js')
const { columns, options, size } = require('./options.js')
const { reason } = require('../reason.js')

/** On one line if it fits, else one name a line. */
const array = (list) => `${inspect(list, { compact: true, breakLength: process.stdout.columns || 80, maxArrayLength: null })}\n`

const KINDS = { isDirectory: 'd', isSymbolicLink: 'l', isFIFO: 'p', isSocket: 's', isCharacterDevice: 'c', isBlockDevice: 'b' }

const permissions = (found) => {
  const kind = Object.keys(KINDS).find((check) => found[check]())
  const letters = [...'rwxrwxrwx'].map((letter, at) => (found.mode & (0o400 >> at) ? letter : '-'))
  const special = (bit, at, letter) => {
    if (found.mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase()
  }
  special(0o4000, 2, 's')
  special(0o2000, 5, 's')
  special(0o1000, 8, 't')
  return (KINDS[kind] ?? '-') + letters.join('')
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const two = (number) => `${number}`.padStart(2, '0')

/** The time, or the year if it is more than half a year away. */
const when = (time) => {
  const near = Math.abs(Date.now() - time) < 183 * 24 * 3600 * 1000
  const end = near ? `${two(time.getHours())}:${two(time.getMinutes())}` : ` ${time.getFullYear()}`
  return `${MONTHS[time.getMonth()]} ${`${time.getDate()}`.padStart(2)} ${end}`
}

/** Lines as `ls -l` prints them; each entry is a name and its path; `print` is for names. */
const long = (entries, human, print) => {
  const { user, group } = names()
  const rows = entries.map(([name, path]) => {
    const found = fs.lstatSync(path)
    const link = found.isSymbolicLink() ? ` -> ${fs.readlinkSync(path)}` : ''
    return [permissions(found), found.nlink, user(found.uid), group(found.gid), size(found.size, human), when(found.mtime), print(name + link)]
  })
  if (rows.length === 0) return ''
  const text = columns(['', '>', '', '', '>', '', ''], rows)
  return text.slice(text.indexOf('\n') + 1)
}

const entries = (folder, on) => {
  const all = fs.readdirSync(folder).filter((name) => on.a || on.A || !name.startsWith('.')).sort()
  return on.a && on.l ? ['.', '..', ...all] : all
}

exports.ls = async (args, { shell, io, out, say }) => {
  const { on, words } = options(args, '1aAdhlRF')
  const print = printed(io[1])
  const lines = (list) => list.map((name) => `${print(name)}\n`).join('')
  const listing = (list, folder) => {
    if (on.l) return long(list.map((name) => [name, resolve(shell.cwd, folder, name)]), on.h, print)
    return io[1].terminal && !on['1'] ? array(list) : lines(list)
  }
  let status = 0
  const files = []
  const folders = []
  for (const word of words.length > 0 ? words : ['.']) {
    try {
      const path = resolve(shell.cwd, word)
      const found = on.l ? fs.lstatSync(path) : fs.statSync(path)
      if (found.isDirectory() && !on.d) folders.push(word)
      else files.push(word)
    } catch (error) {
      await say(`ls: ${reason({ ...error, message: error.message, path: word })}`)
      status = 1
    }
  }
  if (files.length > 0) await out(on.l ? listing(files, '') : lines(files))
  while (folders.length > 0) {
    const folder = folders.shift()
    const list = entries(resolve(shell.cwd, folder), on)
    if (words.length > 1 || on.R) await out(`${print(folder)}:\n`)
    await out(listing(list, folder))
    const below = (name) => !['.', '..'].includes(name) && fs.lstatSync(resolve(shell.cwd, folder, name)).isDirectory()
    if (on.R) folders.unshift(...list.filter(below).map((name) => join(folder, name)))
  }
  return status
}
