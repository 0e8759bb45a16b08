'use strict'
// What belongs to the language of sh: these change the shell itself.

const fs = require('node:fs')
const { resolve } = require('node:path')
const { parse } = require('../grammar.js')
const { find } = require('../program.js')
const { Failure, Leave } = require('../shell.js')
const { commands } = require('./table.js')

const NAME = /^[A-Za-z_]\w*$/

const number = (text, otherwise) => {
  if (text === undefined) return otherwise
  if (!/^\d+$/.test(text)) throw new Failure(`${text}: not a number`, 2)
  return Number(text)
}

exports[':'] = () => 0
exports.true = () => 0
exports.false = () => 1

exports.cd = async ([to], { shell, out }) => {
  const home = shell.get('HOME') ?? '/'
  const target = to === '-' ? shell.get('OLDPWD') : (to ?? home)
  if (target === undefined) throw new Failure('OLDPWD is not set')
  const path = resolve(shell.cwd, target)
  if (!fs.statSync(path).isDirectory()) throw new Failure(`${target}: not a folder`)
  fs.accessSync(path, fs.constants.X_OK)
  shell.set('OLDPWD', shell.cwd)
  shell.cwd = path
  shell.set('PWD', path)
  if (to === '-') await out(`${path}\n`)
}

exports.pwd = (args, { shell, out }) => out(`${shell.cwd}\n`)

const ESCAPES = { a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' }
/** Escapes of `echo -e` and of printf. */
exports.escaped = (text) => text.replace(/\\(?:0?([0-7]{1,3})|x([\da-fA-F]{1,2})|(.))/gs, (whole, octal, hex, letter) => {
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
  return ESCAPES[letter] ?? whole
})

exports.echo = (args, { out }) => {
  let flags = ''
  while (/^-[neE]+$/.test(args[0] ?? '')) flags += args.shift()
  const text = args.join(' ')
  return out((flags.includes('e') ? exports.escaped(text) : text) + (flags.includes('n') ? '' : '\n'))
}

exports.exit = ([status], { shell }) => {
  throw new Leave('exit', number(status, shell.status) & 0xff)
}
exports.return = ([status], { shell }) => {
  throw new Leave('return', number(status, shell.status) & 0xff)
}
exports.break = ([levels]) => {
  throw new Leave('break', 0, number(levels, 1))
}
exports.continue = ([levels]) => {
  throw new Leave('continue', 0, number(levels, 1))
}

/** Runs a text here. Its errors are those of the command. */
const here = (text, runner) => {
  let statements
  try {
    statements = parse(text)
  } catch (error) {
    throw new Failure(error.message, 2)
  }
  return runner.list(statements)
}

exports.eval = (args, runner) => here(args.join(' '), runner)

exports.source = async ([file, ...params], runner) => {
  if (file === undefined) throw new Failure('which file?', 2)
  const { shell } = runner
  const before = shell.params
  if (params.length > 0) shell.params = params
  try {
    return await here(fs.readFileSync(resolve(shell.cwd, file), 'utf8'), runner)
  } catch (error) {
    if (error instanceof Leave && error.what === 'return') return error.status
    throw error
  } finally {
    shell.params = before
  }
}
exports['.'] = exports.source

/** `exec` is done where commands run; this is its row in `help`. */
exports.exec = () => 0

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** Sets each NAME=VALUE and calls `then` with each name. */
const each = (args, shell, then) => {
  for (const arg of args) {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(arg)
    if (!NAME.test(name)) throw new Failure(`${arg}: not a name of a variable`, 2)
    then(name)
    if (arg.includes('=')) shell.set(name, value)
  }
}

exports.export = async (args, { shell, out }) => {
  const [option] = args
  if (option === '-n') return each(args.slice(1), shell, (name) => shell.exported.delete(name))
  if (option !== undefined && option !== '-p') return each(args, shell, (name) => shell.exported.add(name))
  for (const name of [...shell.exported].sort()) {
    if (shell.vars.has(name)) await out(`export ${name}=${quoted(shell.get(name))}\n`)
  }
}

exports.local = (args, { shell }) => {
  const before = shell.locals.at(-1)
  if (before === undefined) throw new Failure('it is for functions')
  each(args, shell, (name) => before.has(name) || before.set(name, shell.get(name)))
}

exports.unset = (args, { shell }) => {
  const [kind, ...names] = args[0]?.startsWith('-') ? args : ['-v', ...args]
  for (const name of names) {
    if (kind === '-f') shell.functions.delete(name)
    else shell.vars.delete(name) && shell.exported.delete(name)
  }
}

exports.set = async (args, { shell, out }) => {
  if (args.length === 0) {
    for (const name of [...shell.vars.keys()].sort()) await out(`${name}=${quoted(shell.get(name))}\n`)
    return
  }
  const rest = [...args]
  while (/^[-+]/.test(rest[0] ?? '')) {
    const arg = rest.shift()
    if (arg === '--' || arg === '-') {
      shell.params = rest
      return
    }
    for (const letter of arg.slice(1)) {
      const name = letter === 'o' ? ({ errexit: 'e', noglob: 'f', nounset: 'u', xtrace: 'x' }[rest[0]] ?? rest[0]) : letter
      if (letter === 'o') rest.shift()
      if (!Object.hasOwn(shell.options, name)) throw new Failure(`this small shell has no option ${name}`, 2)
      shell.options[name] = arg.startsWith('-')
    }
  }
  if (rest.length > 0) shell.params = rest
}

exports.shift = ([count], { shell }) => {
  const by = number(count, 1)
  if (by > shell.params.length) throw new Failure('there are not so many')
  shell.params = shell.params.slice(by)
}

exports.read = async (args, { shell, io, say }) => {
  const names = [...args]
  let raw = false
  while (names[0]?.startsWith('-')) {
    const option = names.shift()
    if (option === '-r') raw = true
    else if (option === '-p') await io[2].write(names.shift() ?? '')
    else throw new Failure(`it has no option ${option} here`, 2)
  }
  if (shell.interactive && io[0].number === 0) throw new Failure('not at the prompt: write a script, and run it with sh FILE')
  let line = await io[0].line()
  while (!raw && line?.endsWith('\\\n')) line = line.slice(0, -2) + ((await io[0].line()) ?? '')
  const ended = line?.endsWith('\n') ?? false
  let text = (line ?? '').replace(/\n$/, '')
  if (!raw) text = text.replace(/\\(.)/gs, '$1')
  const separators = shell.get('IFS') ?? ' \t\n'
  const blank = [...separators].filter((letter) => ' \t\n'.includes(letter))
  const trim = (value) => {
    let [start, end] = [0, value.length]
    while (start < end && blank.includes(value[start])) start++
    while (end > start && blank.includes(value[end - 1])) end--
    return value.slice(start, end)
  }
  if (names.length === 0) names.push('REPLY')
  text = trim(text)
  for (const name of names.slice(0, -1)) {
    let at = [...text].findIndex((letter) => separators.includes(letter))
    if (at < 0) at = text.length
    shell.set(name, text.slice(0, at))
    text = trim(text.slice(at + 1))
  }
  shell.set(names.at(-1), text)
  return ended ? 0 : 1
}

/** What a name is; `undefined` if it is nothing. */
const kind = (name, shell) => {
  if (shell.functions.has(name)) return 'a function'
  if (Object.hasOwn(commands, name)) return 'built in'
  return find(name, shell)
}

exports.type = async (names, { shell, out, say }) => {
  let status = 0
  for (const name of names) {
    const what = kind(name, shell)
    if (what === undefined) {
      await say(`${name}: not found`)
      status = 1
    } else await out(`${name} is ${what}\n`)
  }
  return status
}

exports.command = async (args, runner) => {
  const { shell, out } = runner
  if (args[0] !== '-v' && args[0] !== '-V') {
    const [words] = [args[0] === '-p' ? args.slice(1) : args]
    if (words.length === 0) return 0
    if (Object.hasOwn(commands, words[0])) return runner.builtin(words[0], words.slice(1))
    return runner.program({ words, variables: [], redirects: [] }, false)
  }
  for (const name of args.slice(1)) {
    const what = kind(name, shell)
    if (what === undefined || (name.includes('/') && !fs.existsSync(what))) return 1
    await out(`${what.startsWith('/') ? what : name}\n`)
  }
}

exports.umask = ([mode], { out }) => {
  if (mode === undefined) return out(`${process.umask().toString(8).padStart(4, '0')}\n`)
  if (!/^[0-7]{1,4}$/.test(mode)) throw new Failure(`${mode}: not a mode such as 022`, 2)
  process.umask(Number.parseInt(mode, 8))
}

exports.wait = async (ids, { shell }) => {
  let status = 0
  for (const id of ids.length > 0 ? ids : [...shell.jobs.keys()]) {
    status = (await shell.jobs.get(id.replace('%', ''))) ?? 127
    shell.jobs.delete(id)
  }
  return ids.length > 0 ? status : 0
}
