'use strict'
// Shells and commands.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { alive, enter, run, start, until } = require('./start.js')

test('a command: its output, complaints, input and status', async () => {
  const client = await enter(await start())
  const result = await run(client, 'cat; echo complaint >&2; exit 3', { input: 'typed\n' })
  assert.deepEqual(result, { out: 'typed\n', complaints: 'complaint\n', code: 3, signal: undefined })
  assert.equal((await run(client, 'kill -TERM $$')).signal, 'SIGTERM')
  assert.equal((await run(client, 'pwd')).out, `${(await run(client, 'echo $HOME')).out}`)
})

test('a client may set its language and no other variable', async () => {
  const client = await enter(await start())
  const options = { env: { LANG: 'es_ES.UTF-8', LC_TIME: 'C', NODE_OPTIONS: '--version', PATH: '/nowhere' } }
  const { out } = await run(client, 'echo $LANG $LC_TIME "$NODE_OPTIONS"; which sh > /dev/null && echo found', { options })
  assert.equal(out, 'es_ES.UTF-8 C \nfound\n')
})

test('much output and many complaints at the same time reach a slow client whole', async () => {
  const client = await enter(await start())
  const write = 'for (let i = 0; i < 200; i++) { process.stdout.write("o".repeat(65536)); process.stderr.write("e".repeat(65536)) }'
  const counts = { o: 0, e: 0 }
  /** Reads, but for a pause after each MiB: meanwhile the client's window is full. */
  const read = (stream, kind) => stream.on('data', (data) => {
    const before = counts[kind]
    counts[kind] += data.length
    if (before >> 20 === counts[kind] >> 20) return
    stream.pause()
    setTimeout(() => stream.resume(), 20)
  })
  client.exec(`'${process.execPath}' -e '${write}'`, (error, channel) => {
    read(channel, 'o')
    read(channel.stderr, 'e')
    Promise.all([once(channel, 'end'), once(channel.stderr, 'end')]).then(() => client.emit('counted'))
  })
  await once(client, 'counted')
  assert.deepEqual(counts, { o: 200 * 65536, e: 200 * 65536 })
})

test('a shell on a terminal: its size, a change of it, Ctrl-C, its status', async () => {
  const client = await enter(await start())
  const channel = await new Promise((done, fail) => client.shell({ term: 'vt100', cols: 91, rows: 33 }, (error, got) => (error ? fail(error) : done(got))))
  let seen = ''
  channel.on('data', (data) => (seen += data))
  const shows = (text) => until(`${text} in ${JSON.stringify(seen)}`, () => seen.includes(text))
  const closed = once(channel, 'exit')
  channel.write('echo $TERM; stty size\r')
  await shows('vt100\r\n33 91\r\n')
  channel.setWindow(40, 100, 0, 0)
  channel.write('stty size\r')
  await shows('40 100\r\n')
  channel.write('sleep 1000; echo interrupted $?\r')
  await new Promise((done) => setTimeout(done, 300))
  channel.write('\x03')
  await shows('^C')
  channel.write('exit 7\r')
  assert.equal((await closed)[0], 7)
})

test('a command on a terminal', async () => {
  const client = await enter(await start())
  assert.match((await run(client, 'tty; exit 5', { options: { pty: true } })).out, /^\/dev\/pts\/\d+\r\n$/)
})

/** Starts a command that prints two numbers of processes, and breaks the connection. */
const leave = async (server, options) => {
  const client = await enter(server)
  let seen = ''
  client.exec('sleep 1000 & trap "" HUP; echo $! $$; wait; sleep 1000', options, (error, channel) => channel.on('data', (data) => (seen += data)))
  const [, ...pids] = await until('both numbers', () => /(\d+) (\d+)/.exec(seen))
  assert.ok(pids.every(alive))
  client.destroy()
  return pids
}

test('what a session runs ends when its connection does, also if it ignores that', async () => {
  const server = await start()
  for (const options of [{}, { pty: true }]) {
    const pids = await leave(server, options)
    await until('they have ended', () => !pids.some(alive))
  }
})

test('a signal of the client reaches the program', async () => {
  const client = await enter(await start())
  const end = new Promise((done) => client.exec('echo ready; exec sleep 1000', (error, channel) => {
    channel.once('data', () => channel.signal('INT'))
    channel.once('exit', (code, signal) => done(signal))
  }))
  assert.equal(await end, 'SIGINT')
})

test('node as SHELL is no shell: /bin/sh comes before it', async () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ssh-'))
  fs.symlinkSync(process.execPath, path.join(home, 'node'))
  const server = await start({ home, env: { SHELL: path.join(home, 'node') } })
  assert.equal((await run(await enter(server), 'echo $0')).out, '/bin/sh\n')
})

test('without native code there is no terminal, and all else works', async () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ssh-'))
  const before = path.join(home, 'before.js')
  const without = "Object.assign(m, { _load: (name, ...more) => { if (name.startsWith('@lydell')) throw new Error('none'); return load(name, ...more) } })"
  fs.writeFileSync(before, `const m = require('node:module'); const load = m._load; ${without}`)
  const client = await enter(await start({ home, env: { NODE_OPTIONS: `--require=${before}` } }))
  await assert.rejects(run(client, 'tty', { options: { pty: true } }), { message: 'Unable to request a pseudo-terminal' })
  assert.equal((await run(client, 'echo works')).out, 'works\n')
})

test('nothing is forwarded', async () => {
  const client = await enter(await start())
  for (const ask of [(done) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 80, done), (done) => client.forwardIn('127.0.0.1', 0, done)]) {
    assert.ok((await new Promise(ask)) instanceof Error)
  }
})

test('a connection has at most ten sessions', async () => {
  const client = await enter(await start())
  const ask = () => new Promise((done) => client.exec('sleep 1000', (error) => done(error)))
  const answers = await Promise.all(Array.from({ length: 11 }, ask))
  assert.deepEqual(answers.map((error) => error === undefined), [...Array(10).fill(true), false])
})
