'use strict'
// Programs: how one is found, started with its descriptors, and how its end becomes a status.

const fs = require('node:fs')
const { constants } = require('node:os')
const { resolve } = require('node:path')
const { pipeline } = require('node:stream/promises')
const { complaint } = require('./memory.js')

/** Programs that run; signals for the shell are for them too. */
const running = new Set()
/** A signal that has asked the shell to end. */
let ending

/** While a program runs, Ctrl-C is the program's; what ends the shell ends its programs first. */
const watch = () => {
  if (watch.done) return
  watch.done = true
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      ending = signal
      for (const child of running) child.kill(signal)
      if (running.size === 0) process.exit(128 + constants.signals[signal])
    })
  }
}

const isProgram = (path) => {
  try {
    fs.accessSync(path, fs.constants.X_OK)
    return fs.statSync(path).isFile()
  } catch {
    return false
  }
}

/** The file of a program; `undefined` if no folder of PATH has it. */
const find = (name, shell) => {
  if (name.includes('/')) return resolve(shell.cwd, name)
  const folders = (shell.get('PATH') ?? '/bin:/usr/bin').split(':')
  return folders.map((folder) => resolve(shell.cwd, folder, name)).find(isProgram)
}

/** What a file is to execve(2): a program, a script that only a shell runs, or neither. */
const kind = (path) => {
  try {
    fs.accessSync(path, fs.constants.X_OK)
    const file = fs.openSync(path)
    const start = Buffer.alloc(256)
    const length = fs.readSync(file, start)
    fs.closeSync(file)
    if (start.toString('latin1', 0, 4) === '\x7fELF') return 'program'
    const line = /^#! *(\/[^\s]+)/.exec(start.toString('utf8', 0, length))
    if (line !== null) return isProgram(line[1]) ? 'program' : 'lost'
    return start.subarray(0, length).includes(0) ? 'binary' : 'script'
  } catch {
    return 'unreadable' // spawn says why
  }
}

const arguments_ = (found, shell, argv) => (found === 'script' ? [process.execPath, [shell.file, argv.path, ...argv.args]] : [argv.path, argv.args])

/**
 * Starts a program.
 * @returns {{status: Promise<number>, pid: number|undefined, stdin: object|null}}
 */
const start = (argv, env, io, shell, say, background = false) => {
  watch()
  const { spawn } = require('node:child_process')
  const stdio = Array.from({ length: Math.max(3, io.length) }, (_, at) => io[at]?.stdio ?? 'ignore')
  const found = argv.path.includes('/') ? kind(argv.path) : 'program'
  const [path, args] = arguments_(found, shell, argv)
  const words = shell.interactive ? complaint(argv.name) : undefined
  if (words !== undefined) say(words)
  const child = spawn(path, args, { argv0: found === 'script' ? 'node' : argv.name, env, cwd: shell.cwd, stdio, detached: background && shell.interactive })
  running.add(child)
  const pumps = stdio.flatMap((kind, at) => {
    if (kind !== 'pipe') return []
    if (at > 0) return [pipeline(child.stdio[at], io[at].stream, { end: false }).catch(() => {})]
    // nobody waits for the input: the program may end before it has read all
    if (io[0].stream !== undefined) pipeline(io[0].stream, child.stdin).catch(() => {})
    return []
  })
  const status = new Promise((done) => {
    child.on('error', async (error) => {
      running.delete(child)
      const there = fs.existsSync(argv.path)
      const why = { ENOENT: there ? 'its interpreter, named in its first line, is missing' : 'not found', EACCES: 'Permission denied', ENOEXEC: 'not a program for this machine' }
      await say(`${argv.name}: ${why[error.code] ?? error.message}`)
      done(error.code === 'ENOENT' && !there ? 127 : 126)
    })
    child.on('exit', async (code, signal) => {
      running.delete(child)
      await Promise.all(pumps)
      if (ending !== undefined && running.size === 0) process.exit(128 + constants.signals[ending])
      if (signal === 'SIGINT' && !background) shell.shared.interrupted = true
      if (signal !== null && !['SIGINT', 'SIGPIPE'].includes(signal)) await say(`${argv.name}: ended by ${signal}`)
      done(code ?? 128 + constants.signals[signal])
    })
  })
  return { status, pid: child.pid, stdin: child.stdin }
}

/** Becomes the program, if that is possible: then no shell waits beside it. Returns if it is not. */
const become = (argv, env, io, shell) => {
  const same = io.every((end, at) => end.number === at && !end.own)
  if (!same || shell.interactive || process.execve === undefined || running.size > 0) return
  if (kind(argv.path) !== 'program') return
  process.chdir(shell.cwd)
  process.execve(argv.path, [argv.name, ...argv.args], env)
}

module.exports = { become, find, isProgram, start }
