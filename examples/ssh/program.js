'use strict'
// Programs of a session: the user's shell, or a command that it runs, on a terminal or with three pipes.

const { spawn } = require('node:child_process')
const { accessSync, constants: { X_OK } } = require('node:fs')
const { constants: { signals }, homedir } = require('node:os')
const { basename } = require('node:path')

/** Milliseconds from SIGHUP to SIGKILL. */
const GRACE = 3000
/** Variables of the server that are no business of what it starts. */
const OWN = ['AUTHORIZED_KEYS', 'HOST', 'PORT', 'SSH_ALIVE', 'SSH_GRACE']

/** Terminals need native code. Without it the server refuses a terminal, and all else works. */
const pty = (() => {
  try {
    return require('@lydell/node-pty')
  } catch {
    return undefined
  }
})()

const runs = (path) => {
  try {
    accessSync(path, X_OK)
    return true
  } catch {
    return false
  }
}

/** The user's shell; `undefined` if there is none but node, which runs no commands. */
const shell = () => [process.env.SHELL, '/bin/sh'].find((path) => path && basename(path) !== 'node' && runs(path))

/** Program and arguments for a command, or for a shell that reads commands. */
const argv = (command) => {
  const path = shell()
  if (command === undefined) return [path ?? process.execPath, []]
  if (path === undefined) throw new Error('no shell here runs a command: an app needs shell = true in nodeos.toml, a home needs /bin/nsh')
  return [path, ['-c', command]]
}

/** Signals of a program and of what it has started: it is the first of a process group. */
const group = (pid) => {
  let over = false
  const signal = (name) => {
    if (over || pid === undefined || !Object.hasOwn(signals, name)) return
    try {
      process.kill(-pid, name)
    } catch {
      // it has just ended
    }
  }
  const hangUp = () => {
    signal('SIGHUP')
    setTimeout(() => signal('SIGKILL'), GRACE).unref()
  }
  return { signal, hangUp, end: () => (over = true) }
}

/** Tells the client how a program has ended. */
const finish = (channel, code, signal) => {
  if (signal) channel.exit(signal.slice(3), false, '')
  else channel.exit(code ?? 1)
  channel.end()
}

const onTerminal = (channel, [path, args], env, { cols, rows, term }) => {
  const child = pty.spawn(path, args, { name: term, cols, rows, cwd: homedir(), env, encoding: null })
  const { signal, hangUp, end } = group(child.pid)
  let over = false
  child.on('error', () => {}) // without it, a terminal that closes while it is written to throws
  child.onData((data) => {
    if (!channel.write(data)) child.pause()
  })
  channel.on('drain', () => child.resume())
  channel.on('data', (data) => over || child.write(data))
  channel.on('end', () => over || child.write('\x04'))
  child.onExit(({ exitCode, signal: number }) => {
    over = true
    end()
    finish(channel, exitCode, Object.keys(signals).find((name) => signals[name] === number))
  })
  const resize = ({ cols, rows }) => {
    try {
      child.resize(cols, rows)
    } catch {
      // it has just ended
    }
  }
  return { signal, hangUp, resize }
}

/**
 * Copies output to the client. ssh2 mixes up what waits for the client's window if output and complaints both do, so
 * they take turns, and what has been sent is forgotten.
 */
const copier = (channel) => {
  let turn = Promise.resolve()
  const write = (chunk, to) => new Promise((done) => to.write(chunk, done)).then(() => {
    channel._chunk = channel._chunkcb = channel._chunkErr = channel._chunkcbErr = undefined
  })
  return async (from, to) => {
    try {
      for await (const chunk of from) {
        turn = turn.then(() => write(chunk, to))
        await turn
      }
    } catch {
      // the client has gone
    }
  }
}

const onPipes = (channel, [path, args], env) => {
  const child = spawn(path, args, { cwd: homedir(), env, detached: true })
  const { signal, hangUp, end } = group(child.pid)
  const copy = copier(channel)
  const copied = Promise.all([copy(child.stdout, channel), copy(child.stderr, channel.stderr)])
  child.stdin.on('error', () => {}) // it reads no more
  channel.pipe(child.stdin)
  child.once('error', (error) => channel.stderr.write(`${path}: ${error.message}\n`, () => finish(channel, 126)))
  child.once('close', async (code, name) => {
    end()
    if (child.pid === undefined) return
    await copied
    finish(channel, code, name)
  })
  const leave = () => {
    hangUp()
    child.stdout.destroy()
    child.stderr.destroy()
  }
  return { signal, hangUp: leave }
}

/** Starts a program for a session. */
const start = (channel, { command, terminal, env: own }) => {
  const env = { ...process.env, ...own }
  for (const name of OWN) delete env[name]
  channel.on('error', () => {})
  channel.stderr.on('error', () => {})
  try {
    if (terminal === undefined) return onPipes(channel, argv(command), env)
    return onTerminal(channel, argv(command), { ...env, TERM: terminal.term }, terminal)
  } catch (error) {
    channel.stderr.write(`${error.message}\n`)
    finish(channel, 126)
  }
}

module.exports = { start, terminals: pty !== undefined }
