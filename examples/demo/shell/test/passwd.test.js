'use strict'
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { after, test } = require('node:test')
const { home, sh } = require('./sh.js').home(after)

const file = path.join(home, 'etc/logon.json')
const read = () => JSON.parse(fs.readFileSync(file, 'utf8'))
const skip = crypto.argon2Sync === undefined
const passwd = (...lines) => sh('passwd', { input: lines.map((line) => `${line}\n`).join('') })

test('a password is stored as the logon reads it, and the rest of the file stays', { skip }, () => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, '{"password": "", "shell": "/bin/nsh", "mine": [1]}', { mode: 0o644 })
  assert.deepEqual(passwd('geheim', 'geheim'), [0, 'the password is changed\n', ''])
  const { password, ...rest } = read()
  assert.match(password, /^\$argon2id\$v=19\$m=8192,t=3,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.deepEqual(rest, { shell: '/bin/nsh', mine: [1] })
  assert.equal(fs.statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['logon.json'])
  // the current one is asked for from now on
  assert.deepEqual(passwd('wrong', 'new', 'new'), [1, '', 'sh: passwd: that is not the password; nothing was changed\n'])
  assert.deepEqual(passwd('geheim', 'ñ', 'ñ'), [0, 'the password is changed\n', ''])
  assert.notEqual(read().password, password)
})

test('what the logon could not read is refused, and the file stays', { skip }, () => {
  fs.writeFileSync(file, '{"password": ""}')
  const refused = (lines, why) => {
    assert.deepEqual(passwd(...lines), [1, '', `sh: passwd: ${why}; nothing was changed\n`])
    assert.deepEqual(read(), { password: '' })
  }
  refused(['', ''], 'an empty password is none')
  refused(['a', 'b'], 'the two differ')
  refused(['x'.repeat(256), 'x'.repeat(256)], 'it has 256 bytes; the logon reads 255')
  fs.writeFileSync(file, JSON.stringify({ password: '', big: 'x'.repeat(4000) }))
  assert.equal(passwd('a', 'a')[0], 1)
  fs.writeFileSync(file, '{"password": ')
  assert.match(passwd('a', 'a')[2], /is not a JSON object: mend it first; nothing was changed/)
  assert.equal(fs.readFileSync(file, 'utf8'), '{"password": ')
})

test('a write that fails leaves the file as it was', { skip: skip || process.getuid() === 0 }, () => {
  fs.writeFileSync(file, '{"password": ""}')
  fs.chmodSync(path.dirname(file), 0o555)
  assert.equal(passwd('a', 'a')[0], 1)
  fs.chmodSync(path.dirname(file), 0o755)
  assert.deepEqual(read(), { password: '' })
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['logon.json'])
})
