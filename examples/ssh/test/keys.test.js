'use strict'
// Who may enter, and who the server is.

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { Client, utils } = require('ssh2')
const { pair, parse } = require('../keys.js')
const { enter, key, mine, run, start, until, username } = require('./start.js')

/** The ways in that a server names when it refuses one. */
const refused = { message: 'All configured authentication methods failed' }

test('a key of the file enters, any other is refused', async () => {
  const server = await start()
  assert.equal((await run(await enter(server), 'echo hello')).out, 'hello\n')
  await assert.rejects(enter(server, { privateKey: key().private }), refused)
  await until('it says so', () => server.said.includes('is not among the keys'))
})

test('RSA keys and ECDSA keys enter', async () => {
  for (const pair of [utils.generateKeyPairSync('rsa', { bits: 2048 }), utils.generateKeyPairSync('ecdsa', { bits: 384 })]) {
    const server = await start({ authorized: pair.public })
    await enter(server, { privateKey: pair.private })
  }
})

test('a public key without its private key does not enter', async () => {
  const server = await start()
  const other = utils.parseKey(key().private)
  // shows the right key, and signs with another one
  const liar = Object.assign(Object.create(utils.parseKey(mine.private)), { sign: (data) => other.sign(data) })
  await assert.rejects(enter(server, { authHandler: [{ type: 'publickey', username, key: liar }] }), refused)
  await until('it says so', () => server.said.includes('its signature is wrong'))
})

test('a key that is added enters at once, and one that is removed no longer', async () => {
  const server = await start()
  const other = key()
  const file = path.join(server.home, '.ssh/authorized_keys')
  fs.writeFileSync(file, other.public)
  await enter(server, { privateKey: other.private })
  await assert.rejects(enter(server), refused)
})

test('the variable AUTHORIZED_KEYS holds keys too, and no program gets it', async () => {
  const server = await start({ authorized: null, env: { AUTHORIZED_KEYS: `${key().public}\n${mine.public}` } })
  assert.equal((await run(await enter(server), 'echo "<$AUTHORIZED_KEYS>"')).out, '<>\n')
})

test('nobody enters without keys, and the server says what to do', async () => {
  const server = await start({ authorized: null })
  assert.match(server.said, /nobody may enter: write a public key into .*authorized_keys/)
  await assert.rejects(enter(server), refused)
})

test('a file that others may write does not count', async () => {
  const server = await start()
  fs.chmodSync(path.join(server.home, '.ssh/authorized_keys'), 0o622)
  await assert.rejects(enter(server), refused)
})

test('another name is refused', async () => {
  const server = await start()
  await assert.rejects(enter(server, { username: 'nobody-else' }), refused)
  await until('it says so', () => server.said.includes('"nobody-else"'))
})

test('passwords are neither offered nor taken', async () => {
  const server = await start()
  const offered = new Set()
  const client = new Client()
  const authHandler = (methods, partial, next) => {
    methods?.forEach((method) => offered.add(method))
    next([{ type: 'none', username }, { type: 'password', username, password: '' }, false][tries++])
  }
  let tries = 0
  const failed = new Promise((done) => client.once('error', done))
  client.connect({ host: '127.0.0.1', port: server.port, username, authHandler })
  await failed
  assert.deepEqual([...offered], ['publickey'])
  for (const options of [{ privateKey: undefined, password: 'x' }, { privateKey: undefined, tryKeyboard: true }]) {
    await assert.rejects(enter(server, options), refused)
  }
})

test('a connection ends after ten refusals', async () => {
  const server = await start()
  let tries = 0
  const authHandler = (methods, partial, next) => next({ type: 'publickey', username, key: (tries++, key().private) })
  await assert.rejects(enter(server, { authHandler }), { message: 'the server ended it' })
  assert.equal(tries, 10)
})

test('lines of authorized_keys', () => {
  const text = [
    '# a comment', '', `  ${mine.public}  `, `command="/bin/ls" ${mine.public}`, `restrict ${mine.public}`,
    `from="10.0.0.*,!10.0.0.1" ${mine.public}`, 'ssh-ed25519 AAAA', 'ssh-ed25519', mine.public.replace('ssh-ed25519', 'ssh-rsa'),
    'ssh-dss AAAAB3NzaC1kc3M= old', 'a few words'
  ].join('\r\n')
  const { keys, wrong } = parse(text, 'file')
  assert.deepEqual(keys.map(({ at, comment }) => [at, comment]), [[3, 'ana']])
  assert.deepEqual(wrong.map((text) => text.replace(/^(line \d+) of file is ignored: ([^:,]*).*/, '$1: $2')), [
    'line 4: it has options', 'line 5: it has options', 'line 6: it has options', 'line 7: its key is damaged',
    'line 8: its key is damaged', 'line 9: its key is damaged', 'line 10: it does not begin with one of ssh-ed25519',
    'line 11: it does not begin with one of ssh-ed25519'
  ])
})

test('a key with options does not enter, and the server says so', async () => {
  const server = await start({ authorized: `command="echo only this" ${mine.public}\n` })
  assert.match(server.said, /line 1 of .*authorized_keys is ignored: it has options/)
  await assert.rejects(enter(server), refused)
})

test('the host key is made once, is only the user\'s, and has the fingerprint that is printed', async () => {
  const first = await start()
  const file = path.join(first.home, '.ssh/host_key')
  const text = fs.readFileSync(file, 'utf8')
  assert.equal(fs.statSync(file).mode & 0o777, 0o600)
  const [printed] = /SHA256:\S+/.exec(first.said)
  let shown
  await enter(first, { hostVerifier: (key) => (shown = key) && true })
  assert.equal(`${printed}=`, `SHA256:${createHash('sha256').update(shown).digest('base64')}`)
  await first.stop()
  const second = await start({ home: first.home })
  assert.equal(/SHA256:\S+/.exec(second.said)[0], printed)
  assert.equal(fs.readFileSync(file, 'utf8'), text)
  assert.deepEqual(fs.readdirSync(path.join(first.home, '.ssh')).sort(), ['authorized_keys', 'host_key'])
})

test('each key that is made can be read', () => {
  for (let i = 0; i < 2000; i++) assert.ok(!(utils.parseKey(pair().private) instanceof Error))
})

test('a damaged host key is not replaced', async () => {
  const first = await start()
  const file = path.join(first.home, '.ssh/host_key')
  await first.stop()
  fs.writeFileSync(file, 'damaged')
  const second = await start({ home: first.home })
  assert.deepEqual(await second.exit, [1, null])
  assert.match(second.said, /host_key is not a private key/)
  assert.equal(fs.readFileSync(file, 'utf8'), 'damaged')
})
