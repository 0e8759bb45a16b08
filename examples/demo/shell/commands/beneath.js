'use strict'
// Files below a folder that somebody else owns. What is opened is found from an open folder, and no link is followed:
// whoever owns the folder cannot lead root elsewhere, not even in the middle of a change. (root does not become that user
// for the work: the user cannot enter root's own /, where node is.)

const fs = require('node:fs')
const { join } = require('node:path')
const { Failure } = require('../shell.js')

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants
/** Linux's on x86_64 and aarch64 (asm-generic/fcntl.h); node does not name it. */
const O_PATH = 0o10000000

/** Says an error of a path as people know it. */
const named = (path, act) => {
  try {
    return act()
  } catch (error) {
    if (error.code === 'ELOOP') throw new Failure(`${path}: it is a link`)
    if (error.code === undefined) throw error
    throw Object.assign(new Error(error.message, { cause: error }), { code: error.code, path })
  }
}

/** A folder that is open, or anything that is held. */
class Folder {
  constructor(number, path) {
    this.number = number
    this.path = path
  }

  /** Opens a folder whose path nobody else can change. */
  static open(path) {
    return named(path, () => new Folder(fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path))
  }

  /** Holds what has a path, even a link. That opens nothing: it needs no right to read, and no device notices. */
  static hold(path, at = path) {
    return named(path, () => new Folder(fs.openSync(at, O_PATH | O_NOFOLLOW), path))
  }

  /** A path that leads from the open folder to an entry. */
  at(name) {
    return `/proc/self/fd/${this.number}/${name}`
  }

  /** The names in it. */
  names() {
    return named(this.path, () => fs.readdirSync(this.at('')))
  }

  /** What lies there; `undefined` if nothing does. */
  look(name) {
    return named(join(this.path, name), () => fs.lstatSync(this.at(name), { throwIfNoEntry: false }))
  }

  /** Holds what lies there, until its own `close`. */
  hold(name) {
    return Folder.hold(join(this.path, name), this.at(name))
  }

  /** What this is, whatever has its name by now. */
  stat() {
    return fs.fstatSync(this.number)
  }

  /** Sets the mode of what this is; fchmod takes nothing that is only held. */
  chmod(mode) {
    named(this.path, () => fs.chmodSync(`/proc/self/fd/${this.number}`, mode))
  }

  /** Opens a folder in it. */
  folder(name) {
    const path = join(this.path, name)
    const number = named(path, () => fs.openSync(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    return new Folder(number, path)
  }

  /** Opens a regular file for reading, and passes its descriptor. A pipe there does not make anybody wait. */
  file(name, then) {
    const path = join(this.path, name)
    const number = named(path, () => fs.openSync(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY))
    try {
      if (!fs.fstatSync(number).isFile()) throw new Failure(`${path}: it is not a file`)
      return then(number)
    } finally {
      fs.closeSync(number)
    }
  }

  /** Replaces a file whole: a write that fails, or a power cut, leaves the one before. */
  write(name, text, { mode = 0o600, owner } = {}) {
    const fresh = `.${name.replace(/^\./, '')}.${process.pid}`
    named(join(this.path, name), () => {
      fs.rmSync(this.at(fresh), { force: true })
      try {
        const file = fs.openSync(this.at(fresh), 'wx', mode)
        try {
          fs.writeFileSync(file, text)
          fs.fchmodSync(file, mode)
          this.give(file, owner)
          fs.fsyncSync(file)
        } finally {
          fs.closeSync(file)
        }
        fs.renameSync(this.at(fresh), this.at(name))
      } catch (error) {
        fs.rmSync(this.at(fresh), { force: true })
        throw error
      }
      fs.fsyncSync(this.number)
    })
  }

  /** Makes a folder in it, and opens that. */
  make(name, { mode = 0o755, owner } = {}) {
    named(join(this.path, name), () => fs.mkdirSync(this.at(name), mode))
    const made = this.folder(name)
    fs.fchmodSync(made.number, mode)
    made.give(made.number, owner)
    return made
  }

  /** Gives what is open to its owner: what root makes for a user is the user's. */
  give(number, owner) {
    if (owner === undefined) return
    const { uid, gid } = fs.fstatSync(number)
    if (uid !== owner.uid || gid !== owner.gid) fs.fchownSync(number, owner.uid, owner.gid)
  }

  close() {
    fs.closeSync(this.number)
  }
}

/** Opens a folder for what is done in it. */
const within = (folder, act) => {
  try {
    return act(folder)
  } finally {
    folder.close()
  }
}

/** What is in a folder, a few entries at a time: there may be millions. Names may be any bytes. */
const entries = function* (folder) {
  const open = fs.opendirSync(folder, { encoding: 'buffer' })
  try {
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
      yield { at: Buffer.concat([folder, entry.name]), folder: entry.isDirectory() }
    }
  } finally {
    open.closeSync()
  }
}

/**
 * Removes a folder with all that is in it. Folders in it are moved up before they are emptied: however deep they lie, no
 * path is too long.
 */
const remove = (path) => {
  const top = Buffer.from(`${path}/`)
  let count = 0
  const hoist = (from) => {
    for (;;) {
      try {
        return fs.renameSync(from, Buffer.concat([top, Buffer.from(`.${count++}`)]))
      } catch (error) {
        // something of that name is there
        if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(error.code)) throw error
      }
    }
  }
  const empty = (folder) => {
    for (const inner of entries(folder)) {
      if (inner.folder) hoist(inner.at)
      else fs.unlinkSync(inner.at)
    }
  }
  for (let any = true; any;) {
    any = false
    for (const { at, folder } of entries(top)) {
      any = true
      if (!folder) {
        fs.unlinkSync(at)
        continue
      }
      empty(Buffer.concat([at, Buffer.from('/')]))
      fs.rmdirSync(at)
    }
  }
  fs.rmdirSync(path)
}

module.exports = { Folder, remove, within }
