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
const { commands } = require('./commands/table.js')
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

/** Options before the text, the file or the words: what was given, and the rest. */
const read = (args) => {
  const words = [...args]
  const given = { options: {}, command: false, interactive: false, words }
  while (/^[-+][a-z]/.test(words[0] ?? '')) {
    for (const letter of words.shift().slice(1)) {
      if (letter === 'c') given.command = true
      else if (letter === 'i') given.interactive = true
      else if (letter === 'o' && words[0] === 'pipefail') given.options[words.shift()] = true
      else if ('efux'.includes(letter)) given.options[letter] = true
      else if (!'sl'.includes(letter)) throw new Error(`it has no option -${letter}; usage: ${name} [-efux] [-c TEXT | FILE] [WORDS]`)
    }
  }
  if (words[0] === '--') words.shift()
  return given
}

const shell = (more) => {
  const cwd = process.cwd()
  return new Shell({ name, file: __filename, cwd, env: { ...process.env, PWD: cwd }, ...more })
}

/** Runs the text of a file, or of a descriptor. */
const run = (path, options, more) => {
  let text
  try {
    text = fs.readFileSync(path, 'utf8')
  } catch (error) {
    return complain(`${path}: ${error.code === 'ENOENT' ? 'not found' : error.message}`, 127)
  }
  script(text, shell({ options, ...more }))
}

const sh = () => {
  const { options, command, interactive, words } = read(process.argv.slice(2))
  const [first, ...params] = words
  if (command) {
    if (first === undefined) return complain('-c takes a text', 2)
    return script(first, shell({ options, name: params[0] ?? name, params: params.slice(1) }))
  }
  if (first !== undefined) return run(resolve(first), options, { name: first, params })
  if (!interactive && !process.stdin.isTTY) return run(0, options)
  require('./terminal.js').interactive(shell({ options, interactive: true }))
}

/** Runs a command under whose name the shell was started: /bin/ps. */
const one = async () => {
  const runner = new Runner(shell(), standard())
  runner.say = (text) => runner.io[2].write(`${text}\n`)
  process.exit(await runner.builtin(name, process.argv.slice(2)))
}

try {
  if (Object.hasOwn(commands, name)) one()
  else sh()
} catch (error) {
  complain(error.message, 2)
}
