'use strict'
// The server's own key, and the keys that may enter. What is read here is text; `authorized` alone decides.

const crypto = require('node:crypto')
const fs = require('node:fs')
const { homedir } = require('node:os')
const path = require('node:path')
const { utils } = require('ssh2')

const FOLDER = path.join(homedir(), '.ssh')
const HOST_KEY = path.join(FOLDER, 'host_key')
const AUTHORIZED = path.join(FOLDER, 'authorized_keys')
/** More than a person has keys. */
const MAX_BYTES = 65536
const TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa']

const digest = (blob) => crypto.createHash('sha256').update(blob).digest()

/** A key's name, as `ssh` and `ssh-keygen -l` print it. */
const fingerprint = (blob) => `SHA256:${digest(blob).toString('base64').replace(/=+$/, '')}`

/** Writes a file that is whole or not there, also after a power cut. */
const keep = (file, text) => {
  const unfinished = `${file}.new`
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  fs.rmSync(unfinished, { force: true })
  const written = fs.openSync(unfinished, 'wx', 0o600)
  fs.writeSync(written, text)
  fs.fsyncSync(written)
  fs.closeSync(written)
  fs.renameSync(unfinished, file)
  const folder = fs.openSync(path.dirname(file), 'r')
  fs.fsyncSync(folder)
  fs.closeSync(folder)
}

/** A pair of keys. One in 256 of those that ssh2 makes is damaged: it drops a zero at the start of the public key. */
const pair = (options) => {
  for (;;) {
    const made = utils.generateKeyPairSync('ed25519', options)
    if (!(utils.parseKey(made.private) instanceof Error)) return made
  }
}

/** The server's key. The first start makes it; one that is damaged is never replaced in silence. */
const hostKey = () => {
  if (!fs.existsSync(HOST_KEY)) keep(HOST_KEY, pair().private)
  fs.chmodSync(HOST_KEY, 0o600)
  const text = fs.readFileSync(HOST_KEY)
  const key = utils.parseKey(text)
  if (key instanceof Error || !key.isPrivateKey()) {
    throw new Error(`${HOST_KEY} is not a private key: ${key.message ?? 'it is a public one'}; without this file the next start makes another key`)
  }
  return { text, fingerprint: fingerprint(key.getPublicSSH()) }
}

/** A line of authorized_keys: a key, or words that say why it is none. */
const line = (text) => {
  const [type, data = '', ...comment] = text.split(/\s+/)
  if (!TYPES.includes(type)) {
    if (!TYPES.some((name) => text.includes(` ${name} `))) return { why: `it does not begin with one of ${TYPES.join(', ')}` }
    return { why: 'it has options, which this server does not keep: remove them if the key may do everything' }
  }
  const key = utils.parseKey(`${type} ${data}`)
  if (key instanceof Error || key.type !== type) return { why: 'its key is damaged' }
  const blob = key.getPublicSSH()
  return { key, type, digest: digest(blob), fingerprint: fingerprint(blob), comment: comment.join(' ') }
}

/** The keys of a text in the form of authorized_keys, and what is wrong with its other lines. */
const parse = (text, source) => {
  const lines = text.split('\n').map((line, at) => [line.trim(), at + 1])
  const read = lines.filter(([text]) => text !== '' && !text.startsWith('#')).map(([text, at]) => ({ at, ...line(text) }))
  const wrong = read.filter(({ why }) => why !== undefined)
  return {
    keys: read.filter(({ why }) => why === undefined),
    wrong: wrong.map(({ at, why }) => `line ${at} of ${source} is ignored: ${why}`)
  }
}

/** The text of the user's file. Whoever may write it may enter, so it is only the user's to write. */
const file = () => {
  let opened
  try {
    opened = fs.openSync(AUTHORIZED, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    const { mode, size } = fs.fstatSync(opened)
    if ((mode & fs.constants.S_IFMT) !== fs.constants.S_IFREG) return { wrong: ['it is not a file'] }
    if ((mode & 0o022) !== 0) return { wrong: ['others may write it: chmod 600 it'] }
    if (size > MAX_BYTES) return { wrong: [`it has more than ${MAX_BYTES} bytes`] }
    return { text: fs.readFileSync(opened, 'utf8') }
  } catch (error) {
    return error.code === 'ENOENT' ? {} : { wrong: [error.message] }
  } finally {
    if (opened !== undefined) fs.closeSync(opened)
  }
}

/** The keys that may enter now: those of the file, and those of the variable AUTHORIZED_KEYS. */
const authorized = () => {
  const { text = '', wrong = [] } = file()
  const all = [parse(text, AUTHORIZED), parse(process.env.AUTHORIZED_KEYS ?? '', 'AUTHORIZED_KEYS')]
  return {
    keys: all.flatMap(({ keys }) => keys),
    wrong: [...wrong.map((why) => `${AUTHORIZED} is ignored: ${why}`), ...all.flatMap(({ wrong }) => wrong)]
  }
}

/** The key that a client has shown. The time that this takes does not depend on how much of a key is right. */
const find = (blob) => {
  const shown = digest(blob)
  return authorized().keys.filter((key) => crypto.timingSafeEqual(key.digest, shown))[0]
}

module.exports = { AUTHORIZED, authorized, find, fingerprint, hostKey, pair, parse }
