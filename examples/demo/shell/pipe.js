'use strict'
// a | b | c: all run at the same time, each as a subshell.

const { PassThrough } = require('node:stream')
const { NOWHERE, Stream } = require('./ends.js')
const { find, start } = require('./program.js')
const redirect = require('./redirect.js')

/** The input of a program to which the next one on the left gets the other end. */
const FED = { stdio: 'pipe', close: async () => {} }

/** One command of a pipe: words of a program are expanded before anything runs. */
const part = async (runner, command) => {
  const own = runner.with([...runner.io], runner.shell.clone())
  own.tested = true
  if (command.type !== 'Command') return { own, run: (io) => own.with(io).subshell([{ command }]) }
  const prepared = await own.prepare(command)
  const [name] = prepared.words
  if (name === undefined || name === 'exec' || own.own(name)) {
    return { own, run: (io) => own.with(io).done(prepared) }
  }
  return { own, prepared, path: find(name, own.shell) }
}

/** Starts a program whose input is the end of a pipe. */
const fed = ({ own, prepared, path }, io) => {
  const [name, ...args] = prepared.words
  const say = (text) => own.say(text)
  if (path === undefined) return { status: say(`${name}: not found`).then(() => 127), stdin: null }
  let opened
  try {
    opened = redirect.open(prepared.redirects, io, own.shell.cwd)
  } catch (error) {
    return { status: say(error.message).then(() => 1), stdin: null }
  }
  const env = { ...own.shell.env(), ...Object.fromEntries(prepared.variables) }
  const { status, stdin } = start({ name, path, args }, env, opened.io, own.shell, say)
  return { status: status.finally(opened.close), stdin }
}

/** Runs the commands. The last one starts first, so that each program is started with what it writes to. */
exports.pipe = async (runner, commands) => {
  const parts = []
  for (const command of commands) parts.push(await part(runner, command))
  const statuses = []
  let out = runner.io[1]
  for (const [at, one] of [...parts.entries()].reverse()) {
    const right = at === parts.length - 1 ? undefined : out
    let left
    let status
    if (one.prepared !== undefined) {
      const started = fed(one, [at === 0 ? runner.io[0] : FED, out, ...runner.io.slice(2)])
      status = started.status
      left = started.stdin === null ? NOWHERE : new Stream(started.stdin, true)
    } else {
      left = at === 0 ? runner.io[0] : new Stream(new PassThrough())
      status = one.run([left, out, ...runner.io.slice(2)])
      if (at > 0) status = status.finally(() => left.close())
    }
    statuses[at] = status.finally(() => right?.finish())
    out = left
  }
  const all = await Promise.all(statuses)
  return runner.shell.options.pipefail ? (all.findLast((status) => status !== 0) ?? 0) : all.at(-1)
}
