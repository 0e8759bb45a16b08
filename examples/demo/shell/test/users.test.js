'use strict'
// Commands with which root administers users, on a folder in place of /home, and with a door of the test's.

const assert = require('node:assert/strict')
const { execFile, execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { after, test } = require('node:test')
const { Folder, remove, within } = require('../commands/beneath.js')
const homes = require('../commands/homes.js')
const logon = require('../commands/logon.js')
const { env, home } = require('./sh.js').home(after)

/** A uid to which these tests may give files. */
const UID = process.getuid() || 1000
const top = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'homes-'))
after(() => fs.rmSync(top, { recursive: true }))
const at = (...names) => path.join(top, ...names)
const socket = path.join(home, 'door')

/** Runs a text beside this process, which serves the door. */
const sh = (text, input = '') => new Promise((resolve) => {
  const more = { MACHINE_HOMES: top, MACHINE_SOCKET: socket }
  const child = execFile(process.execPath, [path.join(home, 'bin/sh'), '-c', text], { cwd: home, env: { ...env, ...more } }, (error, out, said) => resolve([error?.code ?? 0, out, said]))
  child.stdin.end(input)
})

/** A door that answers so; `asked` has what it was asked. */
const door = async (answers) => {
  const asked = []
  const server = http.createServer((request, answer) => {
    asked.push(`${request.method} ${request.url}`)
    const [status, body] = answers(request, asked)
    answer.writeHead(status).end(JSON.stringify(body))
  }).listen(socket).unref()
  await once(server, 'listening')
  return { asked, close: () => server.close() }
}
const nobody = { users: [] }

test('names are judged as the machine judges them', () => {
  const { good, bad } = require('./names.json')
  for (const name of [...good, 'x'.repeat(255)]) assert.equal(homes.problem(name), undefined, name)
  for (const name of [...bad, 'x'.repeat(256), '\ud800']) assert.equal(typeof homes.problem(name), 'string', name)
})

test('the smallest free uid is taken, and one that is taken is refused', () => {
  const all = [['root', 0], ['ana', 1000], ['bo', 1002]].map(([name, uid]) => ({ name, uid }))
  assert.equal(homes.uidOf(undefined, []), 1000)
  assert.equal(homes.uidOf(undefined, all), 1001)
  assert.equal(homes.uidOf('7', all), 7)
  assert.throws(() => homes.uidOf('1002', all), /it is bo's; 1001 is free/)
  for (const uid of ['0', '-1', 'x', '', '1e3', '4294967295']) assert.throws(() => homes.uidOf(uid, all), /is a number from 1 to/, uid)
  const many = Array.from({ length: 1024 }, (_, uid) => ({ name: `h${uid}`, uid: 1000 + uid }))
  assert.throws(() => homes.needRoom('eva', many), /there are 1024 homes; a machine takes 1024/)
  homes.needRoom('eva', many.slice(1))
})

test('a new home has the shell, and belongs to the user', async () => {
  assert.deepEqual(await sh(`useradd --guest --uid ${UID} 'a b'`), [0, `added a b, uid ${UID}, logon guest\n`, ''])
  const made = at('a b')
  assert.equal(fs.statSync(made).mode & 0o777, 0o700)
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(made, 'etc/logon.json'), 'utf8')), { password: '', shell: '/bin/nsh', shellArgs: [] })
  assert.equal(fs.statSync(path.join(made, 'etc/logon.json')).mode & 0o777, 0o600)
  for (const name of ['nsh', 'ps', 'sh']) assert.equal(fs.readlinkSync(path.join(made, 'bin', name)), '../lib/node_modules/nodeos-shell/nsh.js')
  const shell = path.join(made, 'lib/node_modules/nodeos-shell')
  assert.equal(fs.statSync(path.join(shell, 'nsh.js')).mode & 0o777, 0o755)
  for (const name of ['commands/users.js', 'node_modules/unbash/package.json', 'package.json']) assert.ok(fs.existsSync(path.join(shell, name)), name)
  for (const name of ['test', 'node_modules/.package-lock.json']) assert.ok(!fs.existsSync(path.join(shell, name)), name)
  const all = fs.readdirSync(made, { recursive: true }).map((name) => fs.lstatSync(path.join(made, name)))
  assert.ok(all.length > 70 && all.every(({ uid, gid }) => uid === UID && gid === UID))
  assert.deepEqual(fs.readdirSync(top), ['a b'])
  assert.deepEqual(await sh("useradd --guest 'a b'"), [1, '', 'sh: useradd: a b is there already; passwd a b changes the password\n'])
  remove(made)
})

test('a folder becomes a home, and what it says about the logon counts', async () => {
  const from = path.join(home, 'brought')
  fs.mkdirSync(path.join(from, 'etc'), { recursive: true })
  fs.writeFileSync(path.join(from, 'etc/logon.json'), '{"password": "$argon2id$x", "shell": "/bin/mine"}', { mode: 0o644 })
  fs.writeFileSync(path.join(from, 'init'), '#!/bin/node\n', { mode: 0o4711 })
  fs.writeFileSync(path.join(from, 'text'), 'x', { mode: 0o600 })
  fs.symlinkSync('/etc/passwd', path.join(from, 'link'))
  assert.deepEqual(await sh(`useradd --from brought --uid ${UID} ana`), [0, `added ana, uid ${UID}, logon password\n`, ''])
  const mode = (name) => fs.lstatSync(at('ana', name)).mode & 0o7777
  assert.deepEqual(['init', 'text', 'etc/logon.json'].map(mode), [0o755, 0o644, 0o600])
  assert.equal(fs.readlinkSync(at('ana/link')), '/etc/passwd')
  assert.deepEqual(fs.readdirSync(at('ana')).sort(), ['etc', 'init', 'link', 'text'])
  remove(at('ana'))
  assert.deepEqual(await sh(`useradd --from brought --no-logon --uid ${UID} ana`), [0, `added ana, uid ${UID}, logon none\n`, ''])
  assert.deepEqual(JSON.parse(fs.readFileSync(at('ana/etc/logon.json'), 'utf8')), { shell: '/bin/mine' })
  remove(at('ana'))
})

test('a failure in the middle leaves nothing', async () => {
  const from = path.join(home, 'odd')
  fs.mkdirSync(path.join(from, 'a'), { recursive: true })
  fs.writeFileSync(path.join(from, 'a/file'), '')
  const server = net.createServer().listen(path.join(from, 'z'))
  await once(server, 'listening')
  const refused = (text, why) => sh(text).then(([status, out, said]) => {
    assert.deepEqual([status > 0, out], [true, ''], text)
    assert.match(said, why)
    assert.deepEqual(fs.readdirSync(top), [], text)
  })
  await refused(`useradd --guest --from odd --uid ${UID} ana`, /odd\/z: it is no file, folder or link; nothing was made/)
  server.close()
  fs.rmSync(path.join(from, 'a'), { recursive: true })
  // the shell would be written through the link
  fs.symlinkSync(home, path.join(from, 'bin'))
  await refused(`useradd --guest --from odd --uid ${UID} ana`, /\/bin of the folder is none/)
  await refused(`useradd --guest --from gone --uid ${UID} ana`, /no such file/)
  for (const name of ["''", '.x', 'a:b']) await refused(`useradd --guest ${name}`, /: (a )?name/)
  await refused('useradd --guest --no-logon ana', /--guest or --no-logon/)
  await refused('useradd --gast ana', /Unknown option '--gast'; useradd \[--guest/)
  await refused('useradd ana bo', /it takes one name/)
  await refused('useradd --shell nsh ana', /it is a path from \/ on/)
  if (process.getuid() !== 0) await refused(`useradd --guest --uid ${UID + 1} ana`, /operation not permitted/)
})

test('what a command left that was cut short is removed', async () => {
  fs.mkdirSync(at('.gone.999999999/deep'), { recursive: true })
  fs.mkdirSync(at(`.new.${process.pid}`))
  fs.mkdirSync(at('.gone.mine'))
  await sh(`useradd --guest --uid ${UID} ana`)
  assert.deepEqual(fs.readdirSync(top).sort(), ['.gone.mine', `.new.${process.pid}`, 'ana'])
  for (const name of fs.readdirSync(top)) remove(at(name))
})

test('a folder is removed whatever is in it', () => {
  const victim = path.join(home, 'victim')
  fs.writeFileSync(victim, 'x')
  fs.mkdirSync(at('gone/.0/.1'), { recursive: true })
  fs.writeFileSync(at('gone/.1'), '')
  fs.symlinkSync(home, at('gone/link'))
  fs.writeFileSync(Buffer.concat([Buffer.from(at('gone/')), Buffer.from([0xff])]), '')
  // deeper than a path may be long
  const cwd = process.cwd()
  process.chdir(at('gone'))
  for (let depth = 0; depth < 60; depth++) {
    fs.mkdirSync('d'.repeat(200))
    process.chdir('d'.repeat(200))
  }
  fs.writeFileSync('file', '')
  process.chdir(cwd)
  remove(at('gone'))
  assert.deepEqual([fs.readdirSync(top), fs.readFileSync(victim, 'utf8')], [[], 'x'])
})

test('a password is changed only in the home of the user', () => {
  const set = (file) => Object.assign(file, { password: 'new' })
  const secret = path.join(home, 'secret')
  const mine = '{"password": "old", "mine": 1}'
  fs.writeFileSync(secret, mine)
  fs.mkdirSync(path.join(home, 'elsewhere'))
  fs.writeFileSync(path.join(home, 'elsewhere/logon.json'), mine)
  const refused = (make, why) => {
    fs.mkdirSync(at('eva'))
    make()
    const change = () => within(homes.open(top, 'eva'), (folder) => logon.change(folder, set))
    assert.throws(change, why)
    assert.equal(within(homes.open(top, 'eva'), (folder) => logon.how(folder, 'eva')), 'none')
    assert.deepEqual([secret, path.join(home, 'elsewhere/logon.json')].map((path) => fs.readFileSync(path, 'utf8')), [mine, mine])
    assert.deepEqual(fs.readdirSync(path.join(home, 'elsewhere')), ['logon.json'])
    remove(at('eva'))
  }
  const etc = () => fs.mkdirSync(at('eva/etc'))
  refused(() => fs.symlinkSync(path.join(home, 'elsewhere'), at('eva/etc')), /eva\/etc is not a folder/)
  refused(() => { etc(); fs.symlinkSync(secret, at('eva/etc/logon.json')) }, /logon.json: it is a link/)
  // nobody writes to it: a plain open would wait for ever
  refused(() => { etc(); execFileSync('mkfifo', [at('eva/etc/logon.json')]) }, /logon.json: it is not a file/)
  refused(() => { etc(); fs.mkdirSync(at('eva/etc/logon.json')) }, /logon.json: it is not a file/)
  refused(() => { etc(); fs.writeFileSync(at('eva/etc/logon.json'), '[]') }, /is not a JSON object: mend it first/)
  refused(() => { etc(); fs.writeFileSync(at('eva/etc/logon.json'), ' '.repeat(5000)) }, /is not a JSON object/)
  assert.throws(() => homes.open(top, 'nobody'), /there is no user nobody/)
  fs.symlinkSync(home, at('link'))
  assert.throws(() => homes.open(top, 'link'), /there is no user link/)
  assert.throws(() => Folder.open(at('link')), /ENOTDIR|it is a link/)
  fs.unlinkSync(at('link'))
  // with nothing in the way
  fs.mkdirSync(at('eva'))
  const app = { uid: UID + 1, gid: UID + 1 }
  if (process.getuid() === 0) {
    etc()
    assert.throws(() => within(homes.open(top, 'eva'), (folder) => fs.chownSync(at('eva'), app.uid, app.gid) ?? logon.change(folder, set)), /nobody logs on as an app/)
    fs.rmdirSync(at('eva/etc'))
  }
  fs.chownSync(at('eva'), UID, UID)
  within(homes.open(top, 'eva'), (folder) => logon.change(folder, set))
  assert.deepEqual(JSON.parse(fs.readFileSync(at('eva/etc/logon.json'), 'utf8')), { password: 'new' })
  for (const name of ['etc', 'etc/logon.json']) assert.equal(fs.statSync(at('eva', name)).uid, UID)
  remove(at('eva'))
})

test('root sets a password without the one before', { skip: crypto.argon2Sync === undefined }, async () => {
  assert.deepEqual(await sh(`useradd --uid ${UID} ana`, 'one\nother\n'), [1, '', 'sh: useradd: the two differ; nothing was changed\n'])
  assert.deepEqual(await sh(`useradd --uid ${UID} ana`, 'one\none\n'), [0, `added ana, uid ${UID}, logon password\n`, ''])
  const read = () => JSON.parse(fs.readFileSync(at('ana/etc/logon.json'), 'utf8'))
  const { password } = read()
  assert.match(password, /^\$argon2id\$v=19\$m=8192,t=3,p=1\$/)
  assert.deepEqual(await sh('passwd ana', 'two\ntwo\n'), [0, 'the password of ana is changed\n', ''])
  assert.notEqual(read().password, password)
  assert.equal(read().shell, '/bin/nsh')
  assert.deepEqual(await sh('passwd bo', 'two\ntwo\n'), [1, '', 'sh: passwd: there is no user bo; users lists them\n'])
  remove(at('ana'))
})

test('users are listed, with what keeps one out', async () => {
  fs.mkdirSync(at('ana/etc'), { recursive: true })
  fs.writeFileSync(at('ana/etc/logon.json'), '{"password": "$argon2id$x"}')
  fs.writeFileSync(at('ana/init'), '', { mode: 0o755 })
  fs.writeFileSync(at('b\x1bo'), '')
  fs.mkdirSync(at('.policy'))
  // uid 0 is refused, too
  const refuses = process.getuid() === 0 ? 'uid 0 is root\'s, and no other home\'s' : undefined
  if (refuses !== undefined) fs.chownSync(at('ana'), UID, UID)
  if (refuses !== undefined) fs.chownSync(at('ana/init'), UID, UID)
  const serving = await door(() => [200, { users: [{ name: 'ana', uid: UID }] }])
  const [status, shown] = await sh('users')
  assert.equal(status, 0)
  assert.match(shown, /^name +uid logon +init state\nana +\d+ password init running\nb\?o +\d+ - +- +refused: a name has no colon/)
  serving.close()
  assert.match((await sh('users'))[1], /\nana +\d+ password init unknown\n/)
  for (const name of ['ana', '.policy']) remove(at(name))
  fs.unlinkSync(at('b\x1bo'))
})

test('a user is stopped before the home goes, and the policy goes too', async () => {
  const make = () => {
    fs.mkdirSync(at('ana/etc'), { recursive: true })
    fs.mkdirSync(at('.policy'), { recursive: true })
    for (const name of ['ana.json', 'ana.env', 'anab.json']) fs.writeFileSync(at('.policy', name), '')
  }
  const kept = () => [fs.readdirSync(top).sort(), fs.readdirSync(at('.policy')).sort()]
  const whole = [['.policy', 'ana'], ['ana.env', 'ana.json', 'anab.json']]
  make()
  let left = 3
  let seen
  const serving = await door(({ url }, asked) => {
    if (url === '/stop?user=ana') return asked.length === 1 ? [503, { error: 'busy' }] : [202, {}]
    seen = kept()
    return [200, { users: left-- > 0 ? [{ name: 'ana' }, { name: 'bo' }] : [{ name: 'bo' }] }]
  })
  assert.deepEqual(await sh('userdel -y ana'), [0, 'removed ana\n', 'sh: userdel: waiting until ana has stopped, 70 s at most\n'])
  assert.deepEqual(serving.asked, ['POST /stop?user=ana', 'POST /stop?user=ana', ...Array(4).fill('GET /status')])
  assert.deepEqual(seen, whole)
  assert.deepEqual(kept(), [['.policy'], ['anab.json']])
  serving.close()

  make()
  const refused = async (text, why) => {
    const [status, out, said] = await sh(text)
    assert.deepEqual([status > 0, out, kept()], [true, '', whole], text)
    assert.match(said, why)
  }
  await refused('userdel ana', /delete ana and all its files\? -y says yes; nothing was changed/)
  await refused('userdel -y ana', /this machine has no door/)
  await refused('userdel -y bo', /there is no user bo/)
  await refused('userdel -y ../ana', /there is no user \.\.\/ana/)
  await refused('userdel -y .policy', /there is no user \.policy/)
  fs.mkdirSync(at('root'))
  whole[0].push('root')
  await refused('userdel -y root', /root stays/)
  const old = await door(() => [404, { error: 'there is nothing at this path' }])
  await refused('userdel -y ana', /the NodeOS of this machine is older than this command/)
  await refused('restart', /the NodeOS of this machine is older than this command/)
  old.close()
  const forbids = await door(() => [403, { error: 'only root' }])
  await refused('userdel -y ana', /only root/)
  forbids.close()
  // the machine refuses the home, and knows no such user
  const unknown = await door(({ url }) => (url === '/status' ? [200, nobody] : [404, { error: 'there is no such user' }]))
  assert.deepEqual(await sh('userdel -y ana'), [0, 'removed ana\n', ''])
  assert.deepEqual(kept(), [['.policy', 'root'], ['anab.json']])
  unknown.close()
  for (const name of ['.policy', 'root']) remove(at(name))
})

test('an init is started anew, and addresses are shown', async () => {
  const serving = await door(() => [202, { addresses: [{ card: 'eth9', address: '10.9.9.9/24' }] }])
  assert.deepEqual(await sh('restart; restart "a b"'), [0, '', ''])
  assert.deepEqual(serving.asked, ['POST /restart', 'POST /restart?user=a+b'])
  const here = Object.values(os.networkInterfaces()).flat().find(({ internal }) => !internal)
  assert.deepEqual(await sh('reboot 5'), [2, '', 'sh: reboot: it takes no words\n'])
  const [status, shown] = await sh('ip')
  assert.deepEqual([status, shown.includes(here?.cidr ?? 'eth9 10.9.9.9/24')], [0, true], shown)
  serving.close()
})

test('the machine\'s settings are judged as the machine judges them', () => {
  const { parse, written } = require('../commands/settings.js')
  for (const [text, why] of require('./settings.json')) {
    const read = parse(text)
    assert.equal(read.why ?? null, why, text)
    if (why === null) assert.deepEqual(parse(written(read.settings)).settings, read.settings, text)
  }
})

test('the machine\'s settings are shown and changed', async () => {
  const file = at('.machine.json')
  const read = () => fs.readFileSync(file, 'utf8')
  const done = (text) => [0, `the settings are ${text}, from the next boot on\n`, '']
  assert.deepEqual(await sh('machine'), [0, '{}\n', ''])
  const fixed = '{"hostname": "box", "address": "10.0.0.2/24", "router": "10.0.0.1", "dns": ["10.0.0.1", "9.9.9.9"]}'
  assert.deepEqual(await sh('machine router 10.0.0.1 dns 10.0.0.1,9.9.9.9 hostname box address 10.0.0.2/24'), done(fixed))
  assert.deepEqual([read(), fs.statSync(file).mode & 0o777], [`${fixed}\n`, 0o600])
  const refused = async (words, why) => {
    const [status, out, said] = await sh(`machine ${words}`)
    assert.deepEqual([status, out], [2, ''], words)
    assert.equal(said, `sh: machine: ${why}\n`)
    assert.equal(read(), `${fixed}\n`)
  }
  await refused('host box', 'host: the keys are hostname, address, router, dns, ntp, syslog, timezone')
  await refused('hostname', "hostname: which value? '' removes it")
  await refused('hostname 10.0.0.1', 'hostname is at most 64 letters, digits, hyphens and dots, with a letter; nothing was changed')
  await refused('hostname shed router 10.0.1.1', 'router is another IPv4 address in the network of a fixed address; nothing was changed')
  // the rest belonged to the old address
  assert.deepEqual(await sh('machine address 10.0.1.2/24 ntp none'), done('{"hostname": "box", "address": "10.0.1.2/24", "ntp": []}'))
  assert.deepEqual(await sh("machine hostname '' address '' ntp ''"), done('{}'))
  assert.equal(fs.existsSync(file), false)
  fs.writeFileSync(file, '{"host": "box"}')
  const [status, , said] = await sh('machine hostname box')
  assert.deepEqual([status, read()], [1, '{"host": "box"}'])
  assert.match(said, /it has a key that is none of .*; nothing in it counts. machine --default removes it/)
  assert.deepEqual(await sh('machine --default hostname box'), done('{"hostname": "box"}'))
  fs.chmodSync(file, 0o622)
  assert.match((await sh('machine'))[2], /others than root can write it/)
  assert.deepEqual(await sh('machine --default'), done('{}'))
  fs.symlinkSync(path.join(home, 'bin/sh'), file)
  assert.match((await sh('machine'))[2], /it is not a regular file/)
  fs.unlinkSync(file)
  assert.deepEqual(fs.readdirSync(top), [])
})

test('whoever is not root is told so', { skip: process.getuid() === 0 }, async () => {
  for (const command of ['users', 'useradd --guest eva', 'userdel -y eva', 'passwd eva', 'machine']) {
    const [status, , said] = await sh(`unset MACHINE_HOMES; ${command}`)
    const why = command.startsWith('passwd') && crypto.argon2Sync === undefined ? 'has no argon2' : 'only root may do this'
    assert.deepEqual([status, said.includes(why)], [1, true], said)
  }
})
