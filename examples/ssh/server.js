#!/usr/bin/env node
'use strict'
// SSH for the user who starts it: that user's shell, commands and files, for whoever has one of the user's keys.
//
//   port -> guard: how many, how long -> ssh2: the protocol -> keys: who may enter -> session: shell, command, files
//
// 1. A key is the only way in. No password is asked for.
// 2. A client can do what the user can do, in the user's own sandbox, and no more. The server needs no right of its own.
// 3. Absent on purpose: passwords, certificates, forwarding of ports, of X11 and of agents.

const net = require('node:net')
const { userInfo } = require('node:os')
const { Server } = require('ssh2')
const guard = require('./guard.js')
const keys = require('./keys.js')
const { sessions } = require('./session.js')

const PORT = process.env.PORT ?? '22'
/** The address of the machine on which it listens; all of them if there is none. */
const { HOST } = process.env
/** Refusals in one connection. A client tries the keys of its agent one after the other. */
const MAX_REFUSALS = 10
/** Refusals that are printed in a minute: a log holds 64 KiB. */
const MAX_LINES = 20
const { username } = userInfo()

/** Without old algorithms, without those that let a stranger make the server work, and without compression. */
const algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
  cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com', 'aes256-ctr', 'aes128-ctr'],
  hmac: ['hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256-etm@openssh.com'],
  compress: ['none']
}

let refusals = 0
setInterval(() => (refusals = 0), 60_000).unref()
const refusal = (text) => {
  refusals += 1
  if (refusals <= MAX_LINES) console.log(text)
  if (refusals === MAX_LINES) console.log('further refusals of this minute are not printed')
}

/** The key of an attempt if it may enter; else why not. ssh2 checks no signature itself. */
const judge = ({ method, username: name, key: shown, signature, blob, hashAlgo }) => {
  if (method !== 'publickey') return { why: `only keys count here, not ${method}` }
  if (name !== username) return { why: `this is the server of ${username}, not of ${JSON.stringify(name.slice(0, 64))}` }
  const key = keys.find(shown.data)
  if (key === undefined || key.type !== shown.algo) return { why: `${keys.fingerprint(shown.data)} is not among the keys` }
  if (key.type === 'ssh-rsa' && hashAlgo === undefined) return { why: 'a signature with SHA-1 does not count' }
  // a client asks first whether a key would do, and signs then
  if (signature !== undefined && key.key.verify(blob, signature, hashAlgo) !== true) return { why: 'its signature is wrong' }
  return { key, signed: signature !== undefined }
}

/** Serves a client that speaks SSH. */
const serve = (client, socket, { ip: address, port }) => {
  const ip = address.replace(/^::ffff:/, '')
  let refused = 0
  let name
  client.on('error', (error) => {
    if (name !== undefined) console.log(`${ip}: ${error.message.replace(/[^ -~]/g, '?')}`)
    socket.destroy()
  })
  client.on('authentication', (attempt) => {
    const { key, signed, why } = judge(attempt)
    if (key !== undefined) {
      if (signed) name = `${key.fingerprint} ${key.comment}`.trim()
      return attempt.accept()
    }
    if (attempt.method !== 'none') refusal(`${ip}: refused: ${why}`)
    refused += 1
    if (refused >= MAX_REFUSALS) client.end()
    else attempt.reject(['publickey'])
  })
  client.once('ready', () => {
    guard.trust(socket)
    console.log(`${ip}: entered with ${name}`)
    sessions(client, `${ip} ${port} ${socket.localAddress} ${socket.localPort}`)
  })
  client.once('close', () => name !== undefined && console.log(`${ip}: left`))
}

const main = () => {
  const host = keys.hostKey()
  const sockets = new Map()
  const place = (ip, port) => `${ip} ${port}`
  const options = { hostKeys: [host.text], algorithms, keepaliveInterval: guard.ALIVE, keepaliveCountMax: 3 }
  const ssh = new Server(options, (client, from) => serve(client, sockets.get(place(from.ip, from.port)), from))
  const server = net.createServer({ noDelay: true }, (socket) => {
    if (!guard.admit(socket)) return socket.destroy()
    const at = place(socket.remoteAddress, socket.remotePort)
    sockets.set(at, socket)
    socket.once('close', () => sockets.delete(at))
    ssh.injectSocket(socket)
  })
  server.on('error', (error) => {
    console.error(`cannot listen on port ${PORT}: ${error.message}`)
    process.exit(1)
  })
  server.listen(PORT, HOST, () => {
    const { keys: found, wrong } = keys.authorized()
    console.log(`ssh for ${username} on port ${server.address().port}, host key ${host.fingerprint}`)
    for (const text of wrong) console.log(text)
    for (const { fingerprint, comment } of found) console.log(`may enter: ${fingerprint} ${comment}`.trim())
    if (found.length === 0) console.log(`nobody may enter: write a public key into ${keys.AUTHORIZED}, or into the variable AUTHORIZED_KEYS`)
  })
  // what runs gets a SIGHUP as its connection ends; with it ends the server
  process.once('SIGTERM', () => {
    server.close()
    for (const socket of sockets.values()) socket.destroy()
  })
}

try {
  main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
