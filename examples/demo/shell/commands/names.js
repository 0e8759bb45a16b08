'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { find } = require('../program.js')
const { need, options } = require('./options.js')

exports.basename = (args, { out }) => {
  need(args, 1, 'path')
  return out(`${path.basename(args[0], args[1])}\n`)
}

exports.dirname = async (args, { out }) => {
  need(args, 1, 'path')
  for (const word of args) await out(`${path.dirname(word)}\n`)
}

exports.realpath = (args, { shell, out }) => {
  need(args, 1, 'path')
  return out(`${fs.realpathSync(path.resolve(shell.cwd, args[0]))}\n`)
}

exports.readlink = (args, { shell, out }) => {
  const { on, words } = options(args, 'fn')
  need(words, 1, 'path')
  const at = path.resolve(shell.cwd, words[0])
  return out(`${on.f ? fs.realpathSync(at) : fs.readlinkSync(at)}${on.n ? '' : '\n'}`)
}

exports.which = async (args, { shell, out }) => {
  const { words } = options(args, 'as')
  let status = 0
  for (const word of words) {
    const found = find(word, shell)
    if (found === undefined) status = 1
    else await out(`${found}\n`)
  }
  return status
}
