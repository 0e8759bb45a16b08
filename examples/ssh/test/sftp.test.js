'use strict'
// Files.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { utils: { sftp: { STATUS_CODE } } } = require('ssh2')
const { enter, start, until } = require('./start.js')

/** A server, and its files with promises. */
const open = async () => {
  const server = await start()
  const client = await enter(server)
  const sftp = await promisify(client.sftp.bind(client))()
  const ask = (name, ...words) => promisify(sftp[name].bind(sftp))(...words)
  return { ...server, ask, client, sftp, at: (name) => path.join(server.home, name) }
}

const fails = (status) => (error) => error.code === STATUS_CODE[status]

test('a file there and back', async () => {
  const { ask, at } = await open()
  const content = randomBytes(3_000_000)
  fs.writeFileSync(at('from'), content)
  await ask('fastPut', at('from'), 'there')
  await ask('fastGet', 'there', at('back'))
  assert.ok(content.equals(fs.readFileSync(at('there'))))
  assert.ok(content.equals(fs.readFileSync(at('back'))))
})

test('modes and times, lengths, additions', async () => {
  const { ask, at } = await open()
  await ask('writeFile', 'file', 'one two', { mode: 0o640 })
  assert.equal(fs.statSync(at('file')).mode & 0o777, 0o640)
  await ask('chmod', 'file', 0o604)
  await ask('utimes', 'file', 1000, 2000)
  const { mode, atime, mtime, size } = await ask('stat', 'file')
  assert.deepEqual([mode & 0o777, atime, mtime, size], [0o604, 1000, 2000, 7])
  await ask('appendFile', 'file', ' three')
  assert.equal(fs.readFileSync(at('file'), 'utf8'), 'one two three')
  const handle = await ask('open', 'file', 'r+')
  await ask('fsetstat', handle, { size: 3 })
  assert.equal((await ask('fstat', handle)).size, 3)
  await ask('close', handle)
  assert.equal(fs.readFileSync(at('file'), 'utf8'), 'one')
})

test('folders, names, links', async () => {
  const { ask, at } = await open()
  await ask('mkdir', 'folder')
  for (let i = 0; i < 150; i++) fs.writeFileSync(at(`folder/${i}`), '')
  const names = (await ask('readdir', 'folder')).map(({ filename }) => filename)
  assert.equal(names.filter((name) => /^\d+$/.test(name)).length, 150)
  await ask('rename', 'folder/1', 'moved')
  await ask('symlink', 'moved', 'link')
  assert.equal(await ask('readlink', 'link'), 'moved')
  assert.equal(await ask('realpath', 'link'), fs.realpathSync(at('moved')))
  assert.ok((await ask('lstat', 'link')).isSymbolicLink())
  assert.ok((await ask('stat', 'link')).isFile())
  await ask('unlink', 'link')
  await assert.rejects(ask('rmdir', 'folder'), fails('FAILURE'))
  fs.readdirSync(at('folder')).forEach((name) => fs.rmSync(at(`folder/${name}`)))
  await ask('rmdir', 'folder')
  assert.deepEqual(fs.readdirSync(at('.')).sort(), ['.ssh', 'moved'])
})

test('what cannot be done has its status', async () => {
  const { ask, at } = await open()
  await assert.rejects(ask('stat', 'nothing'), fails('NO_SUCH_FILE'))
  await assert.rejects(ask('chmod', '/proc/self/', 0o700), fails('PERMISSION_DENIED'))
  await assert.rejects(ask('open', '.ssh', 'w'), fails('FAILURE'))
  await assert.rejects(ask('close', Buffer.from('77')), fails('FAILURE'))
  await assert.rejects(ask('read', Buffer.from('__proto__'), Buffer.alloc(1), 0, 1, 0), fails('FAILURE'))
  await assert.rejects(ask('ext_openssh_hardlink', 'a', 'b'), { message: /support/ })
  fs.writeFileSync(at('a'), 'a')
  fs.writeFileSync(at('b'), 'b')
  await assert.rejects(ask('rename', 'a', 'b'), fails('FAILURE'))
  assert.equal(fs.readFileSync(at('b'), 'utf8'), 'b')
})

test('a named pipe holds nothing up', async () => {
  const { ask, at } = await open()
  execFileSync('mkfifo', [at('pipe')])
  const handle = await ask('open', 'pipe', 'r')
  await assert.rejects(ask('open', 'pipe', 'wx'), fails('FAILURE'))
  await ask('close', handle)
  assert.equal((await ask('readdir', '.ssh')).length, 2)
})

test('a session that its client ends has a status: scp asks for it', async () => {
  const { client } = await open()
  const channel = await promisify(client.subsys.bind(client))('sftp')
  const exit = once(channel, 'exit')
  channel.end(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3])) // SSH_FXP_INIT, version 3
  channel.resume()
  assert.equal((await exit)[0], 0)
})

test('open files are bounded, and closed when the session ends', async () => {
  const { ask, at, child, client } = await open()
  fs.writeFileSync(at('file'), '')
  for (let i = 0; i < 256; i++) await ask('open', 'file', 'r')
  await assert.rejects(ask('open', 'file', 'r'), { message: 'more than 256 files are open' })
  const files = () => fs.readdirSync(`/proc/${child.pid}/fd`).length
  const before = files()
  client.destroy()
  await until('they are closed', () => files() < before - 250)
})
