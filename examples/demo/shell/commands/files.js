'use strict'
// Commands that change files and folders. All go on after a file that fails, and end with status 1.

const fs = require('node:fs')
const { basename, join, resolve: resolved } = require('node:path')
const { reason } = require('../reason.js')
const { Failure } = require('../shell.js')
const { Folder, within } = require('./beneath.js')
const { need, options } = require('./options.js')

/** The whole path of a word. An empty word, as of a variable that is not set, is never the current folder. */
const resolve = (cwd, word) => {
  if (word === '') throw new Failure("'': no such file or folder")
  return resolved(cwd, word)
}

/** Does one thing after the other; what fails is said. */
const each = async (name, words, { say }, act) => {
  let status = 0
  for (const word of words) {
    try {
      await act(word)
    } catch (error) {
      await say(`${name}: ${reason(error)}`)
      status = 1
    }
  }
  return status
}
exports.each = each

exports.mkdir = (args, runner) => {
  const { on, words } = options(args, 'pvm:')
  need(words, 1, 'folder')
  const mode = on.m === undefined ? undefined : Number.parseInt(on.m, 8)
  return each('mkdir', words, runner, (word) => fs.mkdirSync(resolve(runner.shell.cwd, word), { recursive: Boolean(on.p), mode }))
}

exports.rmdir = (args, runner) => {
  const { words } = options(args, '')
  need(words, 1, 'folder')
  return each('rmdir', words, runner, (word) => fs.rmdirSync(resolve(runner.shell.cwd, word)))
}

exports.rm = (args, runner) => {
  const { on, words } = options(args, 'rRfiv')
  if (on.i) throw new Failure('it cannot ask here: leave out -i', 2)
  if (!on.f) need(words, 1, 'path')
  const recursive = Boolean(on.r || on.R)
  return each('rm', words, runner, (word) => {
    const path = resolve(runner.shell.cwd, word)
    if (path === '/') throw new Failure('/ stays: name what is to be removed in it')
    if (['.', '..'].includes(basename(word))) throw new Failure(`${word} stays`)
    const found = fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined && on.f) return
    if (found?.isDirectory() && !recursive) throw new Failure(`${word}: it is a folder: rm -r removes it`)
    if (found?.isDirectory()) fs.rmSync(path, { recursive, force: Boolean(on.f) })
    else fs.unlinkSync(path)
  })
}

/** Where each of several sources goes: into the last one, if that is a folder. */
const targets = (words, cwd) => {
  const from = words.slice(0, -1)
  const to = words.at(-1)
  const into = fs.statSync(resolve(cwd, to), { throwIfNoEntry: false })?.isDirectory() ?? false
  if ((from.length > 1 || to.endsWith('/')) && !into) throw new Failure(`${to}: not a folder`)
  // src/. is what is in src
  const name = (word) => (/(^|\/)\.$/.test(word) ? '' : basename(resolve(cwd, word)))
  return { from, to: (word) => (into ? join(resolve(cwd, to), name(word)) : resolve(cwd, to)) }
}

exports.cp = (args, runner) => {
  const { on, words } = options(args, 'rRapfnvLP')
  need(words, 2, 'files')
  const { cwd } = runner.shell
  const recursive = Boolean(on.r || on.R || on.a)
  const { from, to } = targets(words, cwd)
  return each('cp', from, runner, (word) => {
    const [source, target] = [resolve(cwd, word), to(word)]
    if (fs.statSync(source).isDirectory() && !recursive) throw new Failure(`${word}: it is a folder: cp -r copies it`)
    if (source === target) throw new Failure(`${word} and ${words.at(-1)} are the same`)
    fs.cpSync(source, target, {
      recursive,
      force: !on.n,
      preserveTimestamps: Boolean(on.p || on.a),
      ...(recursive ? { verbatimSymlinks: true } : { dereference: true })
    })
  })
}

exports.mv = (args, runner) => {
  const { on, words } = options(args, 'fnv')
  need(words, 2, 'files')
  const { cwd } = runner.shell
  const { from, to } = targets(words, cwd)
  return each('mv', from, runner, (word) => {
    const [source, target] = [resolve(cwd, word), to(word)]
    if (on.n && fs.existsSync(target)) return
    try {
      fs.renameSync(source, target)
    } catch (error) {
      if (error.code !== 'EXDEV') throw error
      fs.cpSync(source, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      fs.rmSync(source, { recursive: true })
    }
  })
}

exports.touch = (args, runner) => {
  const { on, words } = options(args, 'cam')
  need(words, 1, 'file')
  return each('touch', words, runner, (word) => {
    const path = resolve(runner.shell.cwd, word)
    if (!fs.existsSync(path)) {
      if (on.c) return
      fs.closeSync(fs.openSync(path, 'a'))
    }
    const now = new Date()
    fs.utimesSync(path, now, now)
  })
}

exports.ln = (args, runner) => {
  const { on, words } = options(args, 'sfnT')
  need(words, 1, 'file')
  const { cwd } = runner.shell
  if (words.length === 1) words.push('.')
  const { from, to } = targets(words, cwd)
  return each('ln', from, runner, (word) => {
    const target = on.n || on.T ? resolve(cwd, words.at(-1)) : to(word)
    if (on.f) fs.rmSync(target, { force: true })
    if (on.s) fs.symlinkSync(word, target)
    else fs.linkSync(resolve(cwd, word), target)
  })
}

const WHO = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 }
const WHAT = { r: 0o444, w: 0o222, x: 0o111, X: 0o111, s: 0o6000, t: 0o1000 }

/** A mode after a change such as `u+x,go-w` or `755`. */
const changed = (mode, change, folder) => {
  if (/^[0-7]{1,4}$/.test(change)) return Number.parseInt(change, 8)
  for (const part of change.split(',')) {
    const [, who, operator, letters] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(part) ?? []
    if (operator === undefined) throw new Failure(`${change}: not a mode such as 755 or u+x`, 2)
    const mask = [...(who === '' ? 'a' : who)].reduce((all, letter) => all | WHO[letter], 0)
    const runs = folder || (mode & 0o111) !== 0
    const bits = [...letters].reduce((all, letter) => all | (letter === 'X' && !runs ? 0 : WHAT[letter]), 0) & mask
    if (operator === '+') mode |= bits
    else if (operator === '-') mode &= ~bits
    else mode = (mode & ~mask) | bits
  }
  return mode
}

exports.chmod = (args, runner) => {
  const [change, ...rest] = args[0] === '-R' ? args.slice(1) : args
  if (change === undefined || rest.length === 0) throw new Failure('which mode and files?', 2)
  const after = (found) => changed(found.mode & 0o7777, change, found.isDirectory())
  // whoever owns a folder chooses what its links lead to, and may put a link there at any moment
  const below = (entry) => {
    const found = entry.stat()
    if (found.isSymbolicLink()) return
    if (found.isDirectory()) entry.names().forEach((name) => within(entry.hold(name), below))
    entry.chmod(after(found))
  }
  return each('chmod', rest, runner, (word) => {
    const path = resolve(runner.shell.cwd, word)
    const followed = () => fs.chmodSync(path, after(fs.statSync(path)))
    if (args[0] !== '-R') return followed()
    within(Folder.hold(path), (entry) => (entry.stat().isSymbolicLink() ? followed() : below(entry)))
  })
}

exports.mktemp = async (args, { shell, out }) => {
  const { on, words } = options(args, 'dp:t')
  const at = on.p ?? shell.get('TMPDIR') ?? '/tmp'
  const pattern = words[0] ?? join(at, 'tmp.XXXXXXXXXX')
  const [, start, mark] = /^(.*?)(X{3,})$/.exec(pattern) ?? []
  if (mark === undefined) throw new Failure(`${pattern}: it must end with XXX`)
  const random = [...require('node:crypto').randomBytes(mark.length)].map((byte) => (byte % 36).toString(36)).join('')
  const path = start + random
  if (on.d) fs.mkdirSync(resolve(shell.cwd, path), { mode: 0o700 })
  else fs.closeSync(fs.openSync(resolve(shell.cwd, path), 'wx', 0o600))
  await out(`${path}\n`)
}
