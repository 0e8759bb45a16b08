'use strict'
// What a client asks for in a session: a terminal, variables, then a shell, a command or files.

const program = require('./program.js')
const { files } = require('./sftp.js')

/** Sessions of one connection at a time, as in OpenSSH. */
const MAX_SESSIONS = 10
/** Variables that a client may set. */
const VARIABLES = /^(LANG|LC_[A-Z]{1,32})$/
const MAX_SIDE = 2000

const side = (given, usual) => (given > 0 ? Math.min(given, MAX_SIDE) : usual)
const size = ({ cols, rows }) => ({ cols: side(cols, 80), rows: side(rows, 24) })

const serve = (session, connection) => {
  const env = { SSH_CONNECTION: connection }
  let terminal
  let running

  // the client's wish may come without one for an answer: then there is no accept and no reject
  session.on('env', (accept, reject, { key, val }) => {
    if (!VARIABLES.test(key)) return reject?.()
    env[key] = val
    accept?.()
  })
  session.on('pty', (accept, reject, info) => {
    if (!program.terminals) return reject?.()
    terminal = { ...size(info), term: /^[\w.+-]{1,64}$/.test(info.term) ? info.term : 'dumb' }
    accept?.()
  })
  session.on('window-change', (accept, reject, info) => {
    running?.resize?.(size(info))
    accept?.()
  })
  session.on('signal', (accept, reject, { name }) => {
    running?.signal(`SIG${name}`)
    accept?.()
  })
  const start = (accept, command) => {
    const channel = accept()
    if (channel !== undefined) running = program.start(channel, { command, terminal, env })
  }
  session.on('shell', (accept) => start(accept))
  session.on('exec', (accept, reject, { command }) => start(accept, command))
  session.on('sftp', (accept) => {
    const sftp = accept()
    if (sftp !== undefined) files(sftp)
  })
  session.once('close', () => running?.hangUp())
  return () => running?.hangUp()
}

/** Serves the sessions of a client that has shown a key. */
exports.sessions = (client, connection) => {
  const open = new Map()
  client.on('session', (accept, reject) => {
    if (open.size >= MAX_SESSIONS) return reject()
    const session = accept()
    open.set(session, serve(session, connection))
    session.once('close', () => open.delete(session))
  })
  client.once('close', () => {
    for (const hangUp of open.values()) hangUp()
  })
}
