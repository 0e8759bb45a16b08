'use strict'
// What the shell does itself: there is no /bin/ls on a machine that has only node.
// Each takes its arguments and an AbortSignal (Ctrl-C), and throws what went wrong.

const fs = require('node:fs')
const { pipeline } = require('node:stream/promises')
const { inspect } = require('node:util')

/** Names in order; those that start with a dot only if all are wanted. */
const names = (folder, all) => fs.readdirSync(folder).filter((name) => all || !name.startsWith('.')).sort()

/** An array as console.log printed it in 2015: on one line if it fits, else one name a line. */
const array = (list) =>
  inspect(list, { compact: true, breakLength: process.stdout.columns || 80, maxArrayLength: null })

exports.ls = (words) => {
  const all = words[0] === '-a'
  const paths = all ? words.slice(1) : words
  for (const path of paths.length > 0 ? paths : ['.']) {
    if (paths.length > 1) console.log(`${path}:`)
    console.log(fs.statSync(path).isDirectory() ? array(names(path, all)) : path)
  }
}

exports.cd = ([path]) => process.chdir(path ?? process.env.HOME ?? '/')

exports.pwd = () => console.log(process.cwd())

exports.cat = async (paths, signal) => {
  for (const path of paths) {
    await pipeline(fs.createReadStream(path), process.stdout, { end: false, signal })
  }
}

exports.echo = (words) => console.log(words.join(' '))

exports.env = () => {
  for (const [name, value] of Object.entries(process.env)) console.log(`${name}=${value}`)
}

exports.exit = ([status]) => process.exit(status === undefined ? undefined : Number(status) & 0xff)

exports.help = () => console.log(`Built in: ${Object.keys(exports).join(', ')}.
Everything else is a program: a path, or a name in ${process.env.PATH ?? '/bin'}. Between commands: ; && ||`)
