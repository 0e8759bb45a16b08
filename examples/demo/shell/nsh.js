#!/usr/bin/env node
'use strict'
// The demo's shell.
//
//   line -> words.commands -> builtin | program, one at a time
//
// 1. A program gets the terminal as it is: the shell reads nothing while it runs, and Ctrl-C ends the program.
// 2. Lines that arrive while a program runs and were read already (a paste, a pipe) run after it, in order.
// 3. Absent on purpose: pipes, redirection, jobs, scripts. Write a program.

const fs = require('node:fs')
const { constants } = require('node:os')
const { delimiter, join } = require('node:path')
const readline = require('node:readline')
const { spawn } = require('node:child_process')
const builtins = require('./builtins.js')
const { commands } = require('./words.js')

const folders = () => (process.env.PATH ?? '/bin').split(delimiter)

/** The program's file; `undefined` if no folder of PATH has it. */
const find = (name) => {
  if (name.includes('/')) return name
  return folders().map((folder) => join(folder, name)).find((path) => fs.existsSync(path))
}

const complain = (what, why) => {
  console.error(`nsh: ${what}: ${why}`)
  return 1
}

/** What went wrong, in the words of the errno and the path. */
const reason = (error) => (error.code ? `${error.code} ${error.dest ?? error.path ?? ''}`.trim() : error.message)

/** Runs a program with our terminal; its exit status, or 128 and the signal that ended it. */
const program = (words) => {
  const [name, ...args] = words
  const path = find(name)
  if (path === undefined) return complain(name, 'not found') && 127
  return new Promise((resolve) => {
    const child = spawn(path, args, { stdio: 'inherit', argv0: name })
    child.on('error', (error) => {
      complain(name, error.code ?? error.message)
      resolve(error.code === 'ENOENT' ? 127 : 126)
    })
    child.on('exit', (status, signal) => {
      if (signal === 'SIGINT') console.log()
      else if (signal !== null) complain(name, `ended by ${signal}`)
      resolve(status ?? 128 + constants.signals[signal])
    })
  })
}

/** Runs a builtin; Ctrl-C aborts it. */
const builtin = async ([name, ...args]) => {
  const abort = new AbortController()
  const stop = () => abort.abort()
  process.once('SIGINT', stop)
  try {
    await builtins[name](args, abort.signal)
    return 0
  } catch (error) {
    return error.name === 'AbortError' ? 130 : complain(name, reason(error))
  } finally {
    process.off('SIGINT', stop)
  }
}

let status = 0

const expand = (pattern) => (fs.globSync ? fs.globSync(pattern).sort() : [])

/** Runs a line and remembers how it ended. */
const run = async (line) => {
  try {
    for (const { words, after } of commands(line, { ...process.env, '?': `${status}` }, expand)) {
      if ((after === '&&' && status !== 0) || (after === '||' && status === 0)) continue
      status = await (Object.hasOwn(builtins, words[0]) ? builtin(words) : program(words))
      process.exitCode = status
    }
  } catch (error) {
    status = process.exitCode = complain('line', error.message) && 2
  }
}

/** Names that complete the last word: programs and builtins first, then paths. */
const complete = (line) => {
  const word = line.split(' ').at(-1)
  const at = word.lastIndexOf('/') + 1
  const list = (folder) => {
    try {
      return fs.readdirSync(folder, { withFileTypes: true })
    } catch {
      return [] // a folder that cannot be read completes nothing
    }
  }
  const first = !line.trimStart().includes(' ') && at === 0
  const names = first
    ? [...Object.keys(builtins), ...folders().flatMap((folder) => list(folder).map((entry) => entry.name))]
    : list(word.slice(0, at) || '.').map((entry) => entry.name + (entry.isDirectory() ? '/' : ''))
  const rest = word.slice(at)
  const hits = [...new Set(names)].filter((name) => name.startsWith(rest) && (rest !== '' || !name.startsWith('.')))
  return [hits.sort(), rest]
}

/** Reads lines until the end of the input. */
const interactive = () => {
  const terminal = process.stdin.isTTY && process.stdout.isTTY
  const input = readline.createInterface({ input: process.stdin, output: process.stdout, terminal, completer: complete })
  const waiting = []
  let busy = false
  let ended = false

  const ask = () => {
    if (terminal) {
      input.setPrompt(`${process.cwd()} # `)
      input.prompt()
    }
  }
  const next = async () => {
    if (busy) return
    busy = true
    while (waiting.length > 0) {
      input.pause()
      if (terminal) process.stdin.setRawMode(false)
      await run(waiting.shift())
      if (terminal && !ended) process.stdin.setRawMode(true)
    }
    busy = false
    if (ended) process.exit(status)
    ask()
    if (!terminal) input.resume()
  }

  input.on('line', (line) => {
    waiting.push(line)
    next()
  })
  input.on('SIGINT', () => {
    input.write(null, { ctrl: true, name: 'e' })
    console.log('^C')
    input.write(null, { ctrl: true, name: 'u' }) // what was typed goes, and the prompt comes again
  })
  input.on('close', () => {
    ended = true
    if (busy) return
    if (terminal) console.log()
    process.exit(status)
  })
  ask()
}

// while a program runs, Ctrl-C is the program's
process.on('SIGINT', () => {})

const [option, text] = process.argv.slice(2)
if (option === '-c') run(text ?? '')
else if (option === undefined || option === '-i') interactive()
else process.exitCode = complain(option, 'usage: nsh [-c COMMAND]') && 2
