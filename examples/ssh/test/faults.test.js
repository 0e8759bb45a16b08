'use strict'
// Clients that are broken, hostile, or go away.

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { EventEmitter, once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const guard = require('../guard.js')
const { alive, enter, key, run, start, until } = require('./start.js')

const connect = async ({ port }, localAddress) => {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  return socket
}

const ended = (socket) => until('it is closed', () => socket.closed)

/** The server still serves whoever has a key. */
const serves = async (server) => assert.equal((await run(await enter(server), 'echo here')).out, 'here\n')

test('garbage ends its own connection and nothing else', async () => {
  const server = await start()
  const ident = 'SSH-2.0-x\r\n'
  const packets = [
    'GET / HTTP/1.1\r\n\r\n', 'SSH-1.5-old\r\n', 'x'.repeat(100_000), '\n'.repeat(100_000), randomBytes(100_000),
    `${ident}${'x'.repeat(100_000)}`, Buffer.concat([Buffer.from(ident), Buffer.alloc(100_000)]),
    Buffer.concat([Buffer.from(ident), Buffer.from('ffffffff', 'hex')]), Buffer.concat([Buffer.from(ident), randomBytes(35_000)])
  ]
  for (const packet of packets) {
    const socket = await connect(server)
    socket.end(packet)
    await ended(socket)
  }
  await serves(server)
})

test('a stranger who shows no key is sent away', async () => {
  const server = await start({ env: { SSH_GRACE: '300' } })
  const silent = await connect(server)
  const slow = await connect(server)
  slow.write('SSH-2.0-slow\r\n')
  await ended(silent)
  await ended(slow)
})

test('whoever has entered stays longer than a stranger may', async () => {
  const client = await enter(await start({ env: { SSH_GRACE: '500' } }))
  assert.equal((await run(client, 'sleep 1; echo still here')).out, 'still here\n')
})

test('a crowd of strangers keeps nobody with a key out', async () => {
  const server = await start()
  const crowd = await Promise.all(Array.from({ length: 300 }, () => connect(server)))
  await serves(server)
  await until('most are sent away', () => crowd.filter((socket) => socket.closed).length >= 290)
})

test('strangers of one address end no handshake of another', async () => {
  const server = await start()
  const slow = net.connect(server.port, '127.0.0.1')
  await once(slow, 'connect')
  const crowd = await Promise.all(Array.from({ length: 100 }, () => connect(server, '127.0.0.2')))
  await until('most are sent away', () => crowd.filter((socket) => socket.closed).length >= 90)
  const client = await enter(server, { sock: slow })
  assert.equal((await run(client, 'echo here')).out, 'here\n')
  for (const socket of crowd) socket.destroy()
})

test('whom one more stranger ends', () => {
  const all = []
  const ended = () => all.flatMap(({ ended }, at) => (ended ? [at] : []))
  const admit = (remoteAddress) => {
    const socket = Object.assign(new EventEmitter(), { remoteAddress, destroy: () => (socket.ended = true) })
    all.push(socket)
    assert.equal(guard.admit(socket), true)
  }
  for (let i = 0; i < 6; i++) admit(`192.0.2.${i}`)
  for (const end of ['::1', ':0:0:1:1', '::ffff']) admit(`2001:db8:0:1${end}`)
  admit('::ffff:192.0.2.5')
  assert.deepEqual(ended(), [])
  // each has a place of its own, and the network of IPv6 has three
  admit('2001:db8::1:0:0:0:1')
  assert.deepEqual(ended(), [6])
  admit('2001:db8:0:2::1')
  assert.deepEqual(ended(), [6, 7])
  // now two have two: the oldest of both is of 192.0.2.5
  admit('198.51.100.1')
  assert.deepEqual(ended(), [5, 6, 7])
  admit(undefined) // it went before anybody asked
  admit('::1')
  // all have one
  assert.deepEqual(ended(), [0, 5, 6, 7, 8])
  for (const socket of all) socket.emit('close')
})

test('the log of refusals is bounded', async () => {
  const server = await start()
  for (let i = 0; i < 30; i++) await enter(server, { privateKey: key().private }).catch(() => {})
  await until('it says that it says no more', () => server.said.includes('not printed'))
  assert.equal(server.said.match(/ refused: /g).length, 20)
})

test('clients with a key are bounded too', async () => {
  const server = await start()
  const clients = await Promise.all(Array.from({ length: 8 }, () => enter(server)))
  clients.push(...(await Promise.all(Array.from({ length: 8 }, () => enter(server)))))
  await assert.rejects(enter(server))
  clients[0].destroy()
  await until('there is room again', () => enter(server).catch(() => false))
})

test('a client that breaks off in the middle is no harm', async () => {
  const server = await start()
  for (let i = 0; i < 10; i++) {
    const client = await enter(server)
    client.exec('cat /dev/zero', () => client.destroy())
    await once(client, 'close')
  }
  await serves(server)
  assert.equal(server.child.exitCode, null)
})

test('a client that vanishes is dropped, and what it runs ends', async () => {
  const server = await start({ env: { SSH_ALIVE: '300' } })
  const both = []
  const between = net.createServer((socket) => {
    both.push(socket, net.connect(server.port, '127.0.0.1'))
    both[0].pipe(both[1]).pipe(both[0])
  }).listen(0, '127.0.0.1')
  await once(between, 'listening')
  const client = await enter({ port: between.address().port })
  let pid = ''
  client.exec('echo $$; exec sleep 1000', (error, channel) => channel.on('data', (data) => (pid += data)))
  await until('it runs', () => pid.endsWith('\n'))
  await new Promise((done) => setTimeout(done, 2000))
  assert.ok(alive(pid.trim())) // as long as the client answers
  for (const socket of both) socket.unpipe().pause()
  await until('it has ended', () => !alive(pid.trim()))
  assert.match(server.said, /Keepalive timeout/)
  for (const socket of both) socket.destroy()
  between.close()
})

test('a terminal that ends while a client types and resizes is no harm', async () => {
  const server = await start()
  const client = await enter(server)
  for (let i = 0; i < 5; i++) {
    await new Promise((done) => client.shell({}, (error, channel) => {
      const typing = setInterval(() => {
        channel.write('x'.repeat(10_000))
        channel.setWindow(i + 1, 80, 0, 0)
      }, 1)
      channel.write('exec sleep 0.1\r')
      channel.on('error', () => {}) // what is typed too late
      channel.resume().once('close', () => done(clearInterval(typing)))
    }))
  }
  await serves(server)
  assert.equal(server.child.exitCode, null)
})

test('SIGTERM ends the server, its clients and what they run', async () => {
  const server = await start()
  const client = await enter(server)
  const closed = once(client, 'close')
  let pid = ''
  client.exec('echo $$; exec sleep 1000', (error, channel) => channel.on('data', (data) => (pid += data)))
  await until('it runs', () => pid.endsWith('\n'))
  assert.ok(alive(pid.trim()))
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, [0, null])
  await closed
  await until('it has ended', () => !alive(pid.trim()))
})
