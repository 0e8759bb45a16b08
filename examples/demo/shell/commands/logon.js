'use strict'
// etc/logon.json of a home, as docs/users-partition.md describes it. root changes those of others: see `Folder`.

const fs = require('node:fs')
const { join } = require('node:path')
const { Failure } = require('../shell.js')
const { within } = require('./beneath.js')

/** The longest file that the logon reads, and the longest hash in it (shim/src/logon_file.rs). */
const LARGEST = 4096
const LONGEST_HASH = 160

const parsed = (text) => {
  try {
    const file = JSON.parse(text)
    if (typeof file === 'object' && file !== null && !Array.isArray(file)) return file
  } catch {} // no object either
}

/** The text of the file, in the open folder etc; `undefined` if there is none. */
const text = (etc) => {
  if (etc.look('logon.json') === undefined) return undefined
  return etc.file('logon.json', (file) => (fs.fstatSync(file).size > LARGEST ? '' : fs.readFileSync(file, 'utf8')))
}

const etcOf = (home, owner) => {
  const found = home.look('etc')
  if (found === undefined) return home.make('etc', { owner })
  const path = join(home.path, 'etc')
  if (!found.isDirectory()) throw new Failure(`${path} is not a folder: remove it; nothing was changed`)
  // in the home of an app it would replace that of the machine, and the app would not start again
  if (found.uid !== owner.uid) throw new Failure(`${path} is not the user's own: nobody logs on as an app; nothing was changed`)
  return home.folder('etc')
}

/** Changes the file of a home, whose owner it belongs to. The rest of the file stays. */
exports.change = (home, act) => within(etcOf(home, fs.fstatSync(home.number)), (etc) => {
  const path = join(etc.path, 'logon.json')
  const before = text(etc)
  const file = before === undefined ? {} : parsed(before)
  if (file === undefined) throw new Failure(`${path} is not a JSON object: mend it first; nothing was changed`)
  act(file)
  const after = `${JSON.stringify(file, null, 2)}\n`
  if ((file.password ?? '').length > LONGEST_HASH || Buffer.byteLength(after) > LARGEST) {
    throw new Failure(`${path} would be longer than the logon reads, ${LARGEST} bytes; nothing was changed`)
  }
  etc.write('logon.json', after, { owner: fs.fstatSync(home.number) })
})

/** What the file of a home says; `undefined` if there is none, or none that the logon would read. */
exports.read = (home) => {
  if (!home.look('etc')?.isDirectory()) return undefined
  return within(home.folder('etc'), (etc) => (etc.look('logon.json')?.isFile() ? parsed(text(etc)) : undefined))
}

/** How the owner of a home logs on, in a word of `nodeos users list`. */
exports.how = (home, name) => {
  const { password } = exports.read(home) ?? {}
  if (typeof password !== 'string' || password.length > LONGEST_HASH) return 'none'
  if (password !== '') return 'password'
  return name === 'root' ? 'none' : 'guest'
}
