#!/bin/node
'use strict'
// The shell of NodeOS, nsh, which is also /bin/sh.
//
//   text -> grammar: a tree, or a refusal -> run: lists, pipes, redirections -> a program | commands/
//
// 1. A program gets the real descriptors, so that it has the terminal itself. `sh -c PROGRAM` becomes the program.
// 2. What the shell cannot do is refused before anything runs, with status 2.
// 3. Files are loaded when they are needed: each exec() of a program starts this one.
// 4. Absent on purpose: job control, trap, aliases, and what bash adds to sh.

const fs = require('node:fs')
const { basename, resolve } = require('node:path')
const { standard } = require('./ends.js')
const { parse } = require('./grammar.js')
const { Runner } = require('./run.js')
const { Leave, Shell } = require('./shell.js')

const name = basename(process.argv[1])

const complain = (text, status) => {
  process.stderr.write(`${name}: ${text}\n`)
  process.exitCode = status
}

/** Runs a whole text and ends as it ends. */
const script = async (text, shell) => {
  const runner = new Runner(shell, standard())
  let status
  try {
    status = await runner.list(parse(text), true)
  } catch (error) {
    status = await runner.ended(error)
    if (error instanceof Leave && error.what === 'interrupt') {
      process.removeAllListeners('SIGINT')
      process.kill(process.pid, 'SIGINT') // whoever waits for the shell sees what ended it
    }
  }
  await Promise.all(shell.shared.inner)
  process.exit(status)
}

/** Options before the text, the file or the words. */
const words = process.argv.slice(2)
const options = {}
let command = false
let interactive = false
while (/^[-+][a-z]/.test(words[0] ?? '')) {
  for (const letter of words.shift().slice(1)) {
    if (letter === 'c') command = true
    else if (letter === 'i') interactive = true
    else if (letter === 's' || letter === 'l') continue
    else if ('efux'.includes(letter)) options[letter] = true
    else complain(`it has no option -${letter}; usage: ${name} [-efux] [-c TEXT | FILE] [WORDS]`, 2)
  }
}
if (words[0] === '--') words.shift()

const shell = (more) => {
  const { PWD, ...env } = process.env
  const made = new Shell({ name, file: __filename, cwd: process.cwd(), env: { ...env, PWD: process.cwd() }, ...more })
  Object.assign(made.options, options)
  return made
}

/** The text of a file, or of a descriptor. */
const file = (path) => {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    complain(`${path}: ${error.code === 'ENOENT' ? 'not found' : error.message}`, 127)
  }
}

if (process.exitCode === undefined) {
  if (command) {
    const [text, zero = name, ...params] = words
    if (text === undefined) complain('-c takes a text', 2)
    else script(text, shell({ name: zero, params }))
  } else if (words.length > 0) {
    const [path, ...params] = words
    const text = file(resolve(path))
    if (text !== undefined) script(text, shell({ name: path, params }))
  } else if (interactive || process.stdin.isTTY) {
    require('./terminal.js').interactive(shell({ interactive: true }))
  } else {
    const text = file(0)
    if (text !== undefined) script(text, shell())
  }
}
