'use strict'
// Starts the server in a home of its own, on a port of its own, and connects to it.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { after } = require('node:test')
const { Client } = require('ssh2')
const { pair } = require('../keys.js')

const { username } = os.userInfo()
const key = () => pair({ comment: 'ana' })
const mine = key()

/** Waits until something is true. */
const until = async (what, test) => {
  const end = Date.now() + 10_000
  for (;;) {
    const found = await test()
    if (found) return found
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

const homes = []
after(() => homes.forEach((home) => fs.rmSync(home, { recursive: true })))

/** A server with the key `mine`, unless `authorized` is another text. */
const start = async ({ authorized = `${mine.public}\n`, env = {}, home = fs.mkdtempSync(path.join(os.tmpdir(), 'ssh-')) } = {}) => {
  if (!homes.includes(home)) homes.push(home)
  fs.mkdirSync(path.join(home, '.ssh'), { recursive: true, mode: 0o700 })
  if (authorized !== null) fs.writeFileSync(path.join(home, '.ssh/authorized_keys'), authorized, { mode: 0o600 })
  const all = { PATH: process.env.PATH, HOME: home, HOST: '127.0.0.1', PORT: '0', SHELL: '/bin/sh', ...env }
  const child = spawn(process.execPath, [path.join(__dirname, '../server.js')], { env: all })
  const server = { home, child, said: '', exit: once(child, 'exit'), stop: () => child.kill() && server.exit }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (server.said += data))
  after(() => child.kill('SIGKILL'))
  await until('it listens and names keys, or ends', () => child.exitCode !== null || /enter: .*\n/.test(server.said))
  server.port = / on port (\d+)/.exec(server.said)?.[1] ?? assert.equal(child.exitCode, 1, server.said)
  return server
}

/** A client that has entered; fails as it is refused. */
const enter = ({ port }, options = {}) => new Promise((resolve, reject) => {
  const client = new Client()
  client.once('ready', () => resolve(client)).once('error', reject).once('close', () => reject(new Error('the server ended it')))
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', port, username, privateKey: mine.private, ...options })
  after(() => client.destroy())
})

/** What a command prints, and how it ends. */
const run = (client, command, { input = '', options = {}, read = true } = {}) => new Promise((resolve, reject) => {
  client.exec(command, options, (error, channel) => {
    if (error) return reject(error)
    const result = { out: '', complaints: '' }
    if (read) {
      channel.on('data', (data) => (result.out += data))
      channel.stderr.on('data', (data) => (result.complaints += data))
    }
    channel.on('exit', (code, signal) => Object.assign(result, { code, signal }))
    channel.on('close', () => resolve(result))
    channel.end(input)
  })
})

const alive = (pid) => {
  try {
    process.kill(pid, 0)
    // a zombie that nobody reaps is no program any more
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

module.exports = { alive, enter, key, mine, run, start, until, username }
