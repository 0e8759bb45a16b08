'use strict'
// passwd: changes a password in etc/logon.json, one's own, or for root anybody's.

const fs = require('node:fs')
const { Failure } = require('../shell.js')
const { Folder } = require('./beneath.js')
const homes = require('./homes.js')
const logon = require('./logon.js')
const password = require('./password.js')

const opened = (name, runner) => {
  if (name === undefined) return Folder.open(fs.realpathSync(runner.shell.get('HOME') ?? '/'))
  homes.needRoot(runner)
  return homes.open(homes.top(runner), name)
}

exports.passwd = async (args, runner) => {
  if (args.length > 1) throw new Failure('it takes one name at most', 2)
  password.need()
  const name = args.find((name) => !homes.isOwn(name))
  const home = opened(name, runner)
  const { ask, done } = password.reader(runner)
  try {
    const before = name === undefined ? logon.read(home)?.password : undefined
    if (typeof before === 'string' && before !== '') {
      if (!password.verifies(await ask('current password: '), before)) throw new Failure('that is not the password; nothing was changed')
    }
    const stored = password.stored(await password.twice(ask, 'new password: '))
    logon.change(home, (file) => Object.assign(file, { password: stored }))
    await runner.out(name === undefined ? 'the password is changed\n' : `the password of ${name} is changed\n`)
  } finally {
    done()
    home.close()
  }
}
