'use strict'
// Passwords: how they are asked for, checked and stored.

const crypto = require('node:crypto')
const { Failure } = require('../shell.js')

/** The cost that NodeOS gives a hash: 8 MiB, three passes (shim/src/logon_file.rs). */
const COST = { memory: 8192, passes: 3, parallelism: 1 }
/** The longest password that the logon reads, in bytes (shim/src/logon_file.rs: MAX_LINE). */
const LONGEST = 255

const base64 = (bytes) => bytes.toString('base64').replace(/=+$/, '')

const hash = (password, salt, { memory, passes, parallelism }, length) =>
  crypto.argon2Sync('argon2id', { message: password, nonce: salt, parallelism, tagLength: length, memory, passes })

/** A password as a PHC string. */
exports.stored = (password) => {
  const salt = crypto.randomBytes(16)
  const tag = hash(password, salt, COST, 32)
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${base64(salt)}$${base64(tag)}`
}

/** Whether a PHC string is that of a password. */
exports.verifies = (password, phc) => {
  const [, memory, passes, parallelism, salt, tag] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc) ?? []
  if (tag === undefined) return false
  const wanted = Buffer.from(tag, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  return crypto.timingSafeEqual(hash(password, Buffer.from(salt, 'base64'), cost, wanted.length), wanted)
}

/** Fails if there is nothing that could hash one. */
exports.need = () => {
  if (crypto.argon2Sync === undefined) throw new Failure(`node ${process.version} has no argon2; nothing was changed`)
}

/** Reads lines: at a terminal what is typed is not shown, elsewhere each line of the input is one. */
exports.reader = (runner) => {
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

/** Why a password cannot be one. */
const refused = (password) => {
  if (password === '') return 'an empty password is none; nothing was changed'
  const bytes = Buffer.byteLength(password)
  if (bytes > LONGEST) return `it has ${bytes} bytes; the logon reads ${LONGEST}; nothing was changed`
  if (/[\n\r\0]/.test(password)) return 'it has a line break; nothing was changed'
}

/** Asks for a new password, twice. */
exports.twice = async (ask, prompt) => {
  const password = await ask(prompt)
  const why = refused(password)
  if (why !== undefined) throw new Failure(why)
  if ((await ask('the same again: ')) !== password) throw new Failure('the two differ; nothing was changed')
  return password
}
