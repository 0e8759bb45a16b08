'use strict'
// The shell at a prompt. While a command runs, the terminal is the command's: nothing is read meanwhile.
// Lines that were read already (a paste) run after it, in order.

const fs = require('node:fs')
const readline = require('node:readline')
const { resolve } = require('node:path')
const { commands } = require('./commands/table.js')
const { shown, standard } = require('./ends.js')
const { Incomplete, parse } = require('./grammar.js')
const { Runner } = require('./run.js')
const { Leave } = require('./shell.js')

const entries = (folder) => {
  try {
    return fs.readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // a folder that cannot be read completes nothing
  }
}

/** Names that complete the last word: commands first, then paths. Nobody could type one that acts on the terminal. */
const completer = (shell) => (line) => {
  const word = line.split(/[ |;&<>]/).at(-1)
  const at = word.lastIndexOf('/') + 1
  const before = line.slice(0, line.length - word.length).trimEnd()
  const first = (before === '' || /[|;&]$/.test(before)) && at === 0
  const folders = (shell.get('PATH') ?? '/bin').split(':')
  const names = first
    ? [...Object.keys(commands), ...shell.functions.keys(), ...folders.flatMap((folder) => entries(folder).map(({ name }) => name))]
    : entries(resolve(shell.cwd, word.slice(0, at) || '.')).map((entry) => entry.name + (entry.isDirectory() ? '/' : ''))
  const rest = word.slice(at)
  const fits = (name) => name.startsWith(rest) && (rest !== '' || !name.startsWith('.')) && name === shown(name)
  const hits = [...new Set(names)].filter(fits)
  return [hits.sort(), rest]
}

/** Runs a text; Ctrl-C ends what the shell does itself. */
const run = async (text, shell) => {
  const abort = new AbortController()
  const stop = () => abort.abort()
  process.on('SIGINT', stop)
  shell.shared.interrupted = false
  const runner = new Runner(shell, standard(), abort.signal)
  try {
    await runner.list(parse(text))
  } catch (error) {
    if (error instanceof Incomplete) throw error
    shell.status = await runner.ended(error)
    if (error instanceof Leave && error.what === 'exit') process.exit(shell.status)
    if (error instanceof Leave && error.what === 'interrupt') process.stdout.write('\n')
  } finally {
    process.off('SIGINT', stop)
  }
}

/** Reads lines until the end of the input. */
exports.interactive = (shell) => {
  // while a program runs, Ctrl-C is the program's
  process.on('SIGINT', () => {})
  const { stdin, stdout } = process
  const terminal = stdin.isTTY && stdout.isTTY
  const input = readline.createInterface({ input: stdin, output: stdout, terminal, completer: completer(shell) })
  const waiting = []
  const sign = process.getuid() === 0 ? '#' : '$'
  /** Lines of a command that is not complete yet. */
  let open = ''
  let busy = false
  let ended = false

  const ask = () => {
    if (!terminal) return
    input.setPrompt(open === '' ? `${shown(shell.cwd)} ${sign} ` : '> ')
    input.prompt()
  }
  const next = async () => {
    if (busy) return
    busy = true
    while (waiting.length > 0) {
      input.pause()
      if (terminal) stdin.setRawMode(false)
      const text = open + waiting.shift()
      open = ''
      try {
        await run(text, shell)
      } catch (error) {
        if (!(error instanceof Incomplete)) throw error
        open = `${text}\n`
      }
      if (terminal && !ended) stdin.setRawMode(true)
    }
    busy = false
    if (ended) process.exit(shell.status)
    ask()
    if (!terminal) input.resume()
  }

  input.on('line', (line) => {
    waiting.push(line)
    next()
  })
  input.on('SIGINT', () => {
    open = ''
    input.write(null, { ctrl: true, name: 'e' })
    stdout.write('^C\n')
    input.write(null, { ctrl: true, name: 'u' }) // what was typed goes, and the prompt comes again
    ask()
  })
  input.on('close', () => {
    ended = true
    if (busy) return
    if (open !== '') process.stderr.write(`${shell.name}: the command is not complete\n`)
    if (terminal) stdout.write('\n')
    process.exit(shell.status)
  })
  ask()
}
