'use strict'
// passwd: changes the password in etc/logon.json, as docs/users-partition.md describes the file.

const crypto = require('node:crypto')
const fs = require('node:fs')
const { dirname, join } = require('node:path')
const { Failure } = require('../shell.js')

/** The cost that NodeOS gives a hash: 8 MiB, three passes (shim/src/logon_file.rs). */
const COST = { memory: 8192, passes: 3, parallelism: 1 }
/** The longest password that the logon reads, in bytes (shim/src/logon_file.rs: MAX_LINE). */
const LONGEST = 255
/** The longest file that the logon reads, and the longest hash in it. */
const LARGEST = 4096
const LONGEST_HASH = 160

const base64 = (bytes) => bytes.toString('base64').replace(/=+$/, '')

const hash = (password, salt, { memory, passes, parallelism }, length) =>
  crypto.argon2Sync('argon2id', { message: password, nonce: salt, parallelism, tagLength: length, memory, passes })

/** A password as a PHC string. */
const stored = (password) => {
  const salt = crypto.randomBytes(16)
  const tag = hash(password, salt, COST, 32)
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${base64(salt)}$${base64(tag)}`
}

/** Whether a PHC string is that of a password. */
const verifies = (password, phc) => {
  const [, memory, passes, parallelism, salt, tag] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc) ?? []
  if (tag === undefined) return false
  const wanted = Buffer.from(tag, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  return crypto.timingSafeEqual(hash(password, Buffer.from(salt, 'base64'), cost, wanted.length), wanted)
}

/** Reads lines: at a terminal what is typed is not shown, elsewhere each line of the input is one. */
const reader = (runner) => {
  const { stdin } = process
  if (!runner.io[0].terminal || runner.io[0].number !== 0) {
    return { ask: async () => ((await runner.io[0].line()) ?? '').replace(/\n$/, ''), done: () => {} }
  }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  let rest = ''
  const keys = stdin[Symbol.asyncIterator]()
  const ask = async (prompt) => {
    await runner.io[2].write(prompt)
    let line = ''
    for (;;) {
      for (const [at, letter] of [...rest].entries()) {
        if (letter === '\r' || letter === '\n') {
          rest = [...rest].slice(at + 1).join('')
          await runner.io[2].write('\r\n')
          return line
        }
        if (letter === '\x03' || letter === '\x04') throw new Failure('nothing was changed', 130)
        if (letter === '\x7f' || letter === '\b') line = [...line].slice(0, -1).join('')
        else if (letter === '\x15') line = ''
        else if (letter >= ' ') line += letter
      }
      const { value, done } = await keys.next()
      if (done) throw new Failure('nothing was changed')
      rest = value
    }
  }
  return { ask, done: () => stdin.setRawMode(false) && stdin.destroy() }
}

const read = (path) => {
  let text
  try {
    text = fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return {}
    throw error
  }
  try {
    const file = JSON.parse(text)
    if (typeof file === 'object' && file !== null && !Array.isArray(file)) return file
  } catch {} // said below
  throw new Failure(`${path} is not a JSON object: mend it first; nothing was changed`)
}

/** Replaces the file whole: a write that fails, or a power cut, leaves the one before. */
const write = (path, text) => {
  const folder = dirname(path)
  fs.mkdirSync(folder, { recursive: true })
  const fresh = join(folder, `.logon.json.${process.pid}`)
  fs.rmSync(fresh, { force: true })
  try {
    const file = fs.openSync(fresh, 'wx', 0o600)
    try {
      fs.writeFileSync(file, text)
      fs.fchmodSync(file, 0o600)
      fs.fsyncSync(file)
    } finally {
      fs.closeSync(file)
    }
    fs.renameSync(fresh, path)
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    throw error
  }
  const above = fs.openSync(folder)
  try {
    fs.fsyncSync(above)
  } finally {
    fs.closeSync(above)
  }
}

/** Why a password cannot be one. */
const refused = (password) => {
  if (password === '') return 'an empty password is none; nothing was changed'
  const bytes = Buffer.byteLength(password)
  if (bytes > LONGEST) return `it has ${bytes} bytes; the logon reads ${LONGEST}; nothing was changed`
  if (/[\n\r\0]/.test(password)) return 'it has a line break; nothing was changed'
}

exports.passwd = async (args, runner) => {
  if (args.length > 0) throw new Failure('it takes no words: it changes your own password', 2)
  if (crypto.argon2Sync === undefined) throw new Failure(`node ${process.version} has no argon2; nothing was changed`)
  const path = join(runner.shell.get('HOME') ?? '/', 'etc/logon.json')
  const file = read(path)
  const { ask, done } = reader(runner)
  try {
    if (typeof file.password === 'string' && file.password !== '') {
      if (!verifies(await ask('current password: '), file.password)) throw new Failure('that is not the password; nothing was changed')
    }
    const password = await ask('new password: ')
    const why = refused(password)
    if (why !== undefined) throw new Failure(why)
    if ((await ask('the same again: ')) !== password) throw new Failure('the two differ; nothing was changed')
    file.password = stored(password)
    const text = `${JSON.stringify(file, null, 2)}\n`
    if (file.password.length > LONGEST_HASH || Buffer.byteLength(text) > LARGEST) {
      throw new Failure(`${path} would be longer than the logon reads, ${LARGEST} bytes; nothing was changed`)
    }
    write(path, text)
    await runner.out('the password is changed\n')
  } finally {
    done()
  }
}
