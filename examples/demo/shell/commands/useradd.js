'use strict'
// useradd: makes a home. It appears whole, by a rename, and is a user from then on.

const fs = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { parseArgs } = require('node:util')
const { Failure } = require('../shell.js')
const { Folder, remove, within } = require('./beneath.js')
const homes = require('./homes.js')
const logon = require('./logon.js')
const password = require('./password.js')

const USAGE = 'useradd [--guest | --no-logon] [--uid N] [--shell PATH] [--from FOLDER] NAME'
const OPTIONS = {
  'no-logon': { type: 'boolean' },
  from: { type: 'string' },
  guest: { type: 'boolean' },
  m: { type: 'boolean', short: 'm' }, // as other systems have it: a home is made in any case
  shell: { type: 'string' },
  uid: { type: 'string' }
}

/** The folder of this shell, and where it is in a home. */
const SHELL = join(__dirname, '..')
const SHELL_AT = 'lib/node_modules/nodeos-shell'
/** Its programs, in /bin. */
const PROGRAMS = ['nsh', 'ps', 'sh']
/** The longest path of a session's program (shim/src/logon_file.rs: MAX_ARG). */
const LONGEST_SHELL = 128

const read = (args) => {
  let given
  try {
    given = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new Failure(`${error.message.replace(/\. .*/s, '')}; ${USAGE}`, 2)
  }
  const { positionals: [name, ...more], values } = given
  if (name === undefined || more.length > 0) throw new Failure(`it takes one name: ${USAGE}`, 2)
  if (values.guest && values['no-logon']) throw new Failure(`--guest or --no-logon? ${USAGE}`, 2)
  const { shell } = values
  if (shell !== undefined && (!shell.startsWith('/') || Buffer.byteLength(shell) > LONGEST_SHELL)) {
    throw new Failure(`--shell ${shell}: it is a path from / on, of at most ${LONGEST_SHELL} bytes`, 2)
  }
  return { name, ...values }
}

const makeFolder = (path) => {
  fs.mkdirSync(path)
  fs.chmodSync(path, 0o755) // whatever the umask is
}

/** Copies a folder with its folders, files and links. Of the modes only the right to run is kept. */
const copy = (from, to, leftOut = () => false) => {
  for (const name of from.names()) {
    if (leftOut(name)) continue
    const [found, target] = [from.look(name), join(to, name)]
    if (found?.isDirectory()) {
      makeFolder(target)
      within(from.folder(name), (folder) => copy(folder, target))
    } else if (found?.isSymbolicLink()) {
      fs.symlinkSync(fs.readlinkSync(from.at(name)), target)
    } else if (found?.isFile()) {
      from.file(name, (file) => fs.copyFileSync(`/proc/self/fd/${file}`, target, fs.constants.COPYFILE_EXCL))
      fs.chmodSync(target, found.mode & 0o111 ? 0o755 : 0o644)
    } else {
      throw new Failure(`${join(from.path, name)}: it is no file, folder or link; nothing was made`)
    }
  }
}

/** Gives a new home the shell that this is, with what was installed beside it. */
const putShell = (home) => {
  // what the folder brought may be anything
  const folder = (path) => {
    const found = fs.lstatSync(join(home, path), { throwIfNoEntry: false })
    if (found === undefined) makeFolder(join(home, path))
    else if (!found.isDirectory()) throw new Failure(`/${path} of the folder is none: --shell /bin/node takes node's own prompt; nothing was made`)
  }
  for (const path of ['bin', 'lib', dirname(SHELL_AT), SHELL_AT]) folder(path)
  const at = join(home, SHELL_AT)
  within(Folder.open(SHELL), (shell) => copy(shell, at, (name) => name === 'test'))
  fs.rmSync(join(at, 'node_modules/.package-lock.json'), { force: true })
  fs.chmodSync(join(at, 'nsh.js'), 0o755)
  for (const name of PROGRAMS) {
    const program = join(home, 'bin', name)
    // what the folder brought stays
    if (fs.lstatSync(program, { throwIfNoEntry: false }) === undefined) fs.symlinkSync(`../${SHELL_AT}/nsh.js`, program)
  }
}

/** Gives all to the owner, and waits until it is on the disk. The home itself is last. */
const give = (path, uid) => {
  const found = fs.lstatSync(path)
  if (found.isDirectory()) for (const name of fs.readdirSync(path)) give(join(path, name), uid)
  fs.lchownSync(path, uid, uid)
  if (found.isSymbolicLink()) return
  const file = fs.openSync(path)
  try {
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** Fills a new home that only root can enter. */
const fill = (home, { from, guest, shell, 'no-logon': noLogon }, stored) => {
  if (from !== undefined) within(Folder.open(fs.realpathSync(from)), (folder) => copy(folder, home, (name) => name === 'lost+found'))
  within(Folder.open(home), (folder) => {
    // nobody who does not log on needs a file
    if (noLogon && shell === undefined && folder.look('etc/logon.json') === undefined) return
    logon.change(folder, (file) => {
      if (noLogon) delete file.password
      else if (guest) file.password = ''
      else if (stored !== undefined) file.password = stored
      if (shell !== undefined) Object.assign(file, { shell, shellArgs: [] })
      else if (typeof file.password === 'string' && file.shell === undefined) {
        putShell(home)
        Object.assign(file, { shell: '/bin/nsh', shellArgs: [] })
      }
    })
  })
}

const make = (at, name, uid, given, stored) => {
  const fresh = homes.aside(at, 'new')
  fs.mkdirSync(fresh, 0o700)
  try {
    fill(fresh, given, stored)
    give(fresh, uid)
    fs.renameSync(fresh, join(at, name))
  } catch (error) {
    try {
      remove(fresh)
    } catch {} // the next command removes it
    throw error
  }
  within(Folder.open(at), ({ number }) => fs.fsyncSync(number))
}

/** Whether it is said how the user logs on: by an option, or by the folder. */
const isSaid = ({ from, guest, 'no-logon': noLogon }) => guest || noLogon || (from !== undefined && fs.existsSync(join(from, 'etc/logon.json')))

const asked = async (name, runner) => {
  password.need()
  const { ask, done } = password.reader(runner)
  try {
    return password.stored(await password.twice(ask, `password of ${name}: `))
  } finally {
    done()
  }
}

exports.useradd = async (args, runner) => {
  const given = read(args)
  const { name } = given
  homes.needRoot(runner)
  const at = homes.top(runner)
  const why = homes.problem(name)
  if (why !== undefined) throw new Failure(`${JSON.stringify(name)}: ${why}`)
  homes.sweep(at)
  const all = homes.list(at)
  if (all.some((home) => home.name === name)) throw new Failure(`${name} is there already; passwd ${name} changes the password`)
  homes.needRoom(name, all)
  const uid = homes.uidOf(given.uid, all)
  if (given.from !== undefined) given.from = resolve(runner.shell.cwd, given.from)
  const stored = isSaid(given) ? undefined : await asked(name, runner)
  make(at, name, uid, given, stored)
  const how = within(homes.open(at, name), (home) => logon.how(home, name))
  await runner.out(`added ${name}, uid ${uid}, logon ${how}\n`)
  const policy = join(at, '.policy', `${name}.json`)
  if (fs.existsSync(policy)) await runner.say(`useradd: ${policy} was there before: it counts for ${name}`)
}
