'use strict'
// The homes of the users partition, which root sees at /home: who the users are (docs/users-partition.md).

const fs = require('node:fs')
const os = require('node:os')
const { join } = require('node:path')
const { Failure } = require('../shell.js')
const { Folder, remove } = require('./beneath.js')

/** The first uid of users, the most homes of a machine, and the most bytes of their names (shim/src/layout.rs). */
const FIRST_UID = 1000
const MOST = 1024
const MOST_BYTES = 32 * 1024
/** The largest uid that is given: services have those at the end (shim/src/guest/privilege.rs). */
const LAST_UID = 2 ** 31 - 1
/** Folders that a command makes and removes. Names with a dot in front are no homes. */
const OURS = /^\.(?:new|gone)\.(\d+)$/

/** Where they are. */
const HOME = '/home'

/** The same, or where tests have them. */
const top = ({ shell }) => shell.get('MACHINE_HOMES') ?? HOME

/** Fails for everybody but root, who alone sees them. */
const needRoot = (runner) => {
  if (process.getuid() !== 0 && top(runner) === HOME) throw new Failure('only root may do this: log on as root')
}

/** Whether an entry belongs to the system. */
const isOurs = (name) => name.startsWith('.') || name === 'lost+found'

/** Why the machine refuses a name (shim/src/users.rs); `undefined` if it does not. */
const problem = (name) => {
  if (name === '') return 'a name is not empty'
  if (Buffer.byteLength(name) > 255) return 'a name has at most 255 bytes'
  if (name.includes('/')) return 'a name has no slash'
  if (isOurs(name)) return 'names that start with a dot, and lost+found, are the system\'s'
  if (/^[#+ -]| $|[:\p{Cc}]/u.test(name) || !name.isWellFormed()) {
    return 'a name has no colon, no control character, no blank at an end and none of #+- in front'
  }
}

/** All entries that are not the system's: name, owner, and why the machine refuses one. */
const list = (at) => {
  const found = fs.readdirSync(at).filter((name) => !isOurs(name)).sort()
  const all = found.map((name) => ({ name, stat: fs.lstatSync(join(at, name), { throwIfNoEntry: false }) }))
  const there = all.filter(({ stat }) => stat !== undefined)
  return there.map(({ name, stat }) => {
    const { uid, gid } = stat
    const shares = there.some((other) => other.name !== name && other.stat.uid === uid && other.stat.isDirectory())
    const refused = problem(name) ??
      (!stat.isDirectory() ? 'it is not a directory'
        : uid === 0 && name !== 'root' ? 'uid 0 owns it, and only the home called root may be uid 0\'s; chown it'
          : uid !== 0 && name === 'root' ? `it is called root but uid ${uid} owns it; chown it to 0`
            : shares ? `uid ${uid} owns another home too; give each home its own uid` : undefined)
    return { name, uid, gid, refused }
  })
}

/** The uid of a new user: the wanted one, or the smallest that owns nothing here. */
const uidOf = (wanted, homes) => {
  const taken = new Map(homes.map(({ name, uid }) => [uid, name]))
  if (wanted === undefined) {
    let uid = FIRST_UID
    while (taken.has(uid)) uid++
    return uid
  }
  const uid = /^\d+$/.test(wanted) ? Number(wanted) : NaN
  if (!(uid >= 1 && uid <= LAST_UID)) throw new Failure(`--uid ${wanted}: a uid is a number from 1 to ${LAST_UID}; uid 0 is root's`, 2)
  if (taken.has(uid)) throw new Failure(`--uid ${uid}: it is ${taken.get(uid)}'s; ${uidOf(undefined, homes)} is free`)
  return uid
}

/** Fails if a machine has no room for one more home. */
const needRoom = (name, homes) => {
  const bytes = homes.reduce((sum, home) => sum + Buffer.byteLength(home.name), Buffer.byteLength(name))
  if (homes.length >= MOST) throw new Failure(`there are ${homes.length} homes; a machine takes ${MOST}`)
  if (bytes > MOST_BYTES) throw new Failure(`the names of all homes would have ${bytes} bytes; a machine takes ${MOST_BYTES}`)
}

/** Opens the home of a user. */
const open = (at, name) => {
  const why = problem(name)
  const found = why === undefined ? fs.lstatSync(join(at, name), { throwIfNoEntry: false }) : undefined
  if (!found?.isDirectory()) throw new Failure(`there is no user ${name}; users lists them`)
  return Folder.open(join(at, name))
}

/** Whether it is the name of whoever runs the shell. */
const isOwn = (name) => {
  try {
    return os.userInfo().username === name
  } catch {
    return false // on another system: a uid without a name
  }
}

/** A folder that is no home yet, or no longer. */
const aside = (at, what) => join(at, `.${what}.${process.pid}`)

/** Removes what a command left that was cut short. */
const sweep = (at) => {
  for (const name of fs.readdirSync(at)) {
    const [, pid] = OURS.exec(name) ?? []
    if (pid === undefined) continue
    try {
      if (Number(pid) !== process.pid) process.kill(Number(pid), 0)
      else remove(join(at, name))
    } catch (error) {
      if (error.code === 'ESRCH') remove(join(at, name))
    }
  }
}

module.exports = { aside, isOwn, list, needRoom, needRoot, open, problem, sweep, top, uidOf }
