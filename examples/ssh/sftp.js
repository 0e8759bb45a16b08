'use strict'
// Files by SFTP, version 3: draft-ietf-secsh-filexfer-02. One request after the other, in the order in which they came.

const { constants, promises: fs } = require('node:fs')
const { homedir } = require('node:os')
const { resolve } = require('node:path')
const { utils: { sftp: { OPEN_MODE, STATUS_CODE } } } = require('ssh2')

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL, O_NONBLOCK } = constants
/** Open files and folders of one session: sshfs has many. */
const MAX_HANDLES = 256
/** What one answer carries: clients take packets of 256 KiB, with their header. */
const MAX_READ = 255 * 1024
/** Names in one answer. */
const NAMES = 64

const OK = ['status', STATUS_CODE.OK]
/** The end of a file or a folder. */
const END = ['status', STATUS_CODE.EOF]
const STATUS = {
  ENOENT: STATUS_CODE.NO_SUCH_FILE,
  ENOTDIR: STATUS_CODE.NO_SUCH_FILE,
  ELOOP: STATUS_CODE.NO_SUCH_FILE,
  EACCES: STATUS_CODE.PERMISSION_DENIED,
  EPERM: STATUS_CODE.PERMISSION_DENIED,
  EROFS: STATUS_CODE.PERMISSION_DENIED
}

/** Relative paths begin at home. */
const at = (path) => resolve(homedir(), path)

/** Flags of open(2). Opening a pipe waits for nobody. */
const flags = (wanted) => {
  const has = (flag) => (wanted & OPEN_MODE[flag]) !== 0
  const access = has('READ') ? (has('WRITE') ? O_RDWR : O_RDONLY) : O_WRONLY
  const more = [['APPEND', O_APPEND], ['CREAT', O_CREAT], ['TRUNC', O_TRUNC], ['EXCL', O_EXCL]]
  return more.filter(([flag]) => has(flag)).reduce((all, [, flag]) => all | flag, access | O_NONBLOCK)
}

const attributes = ({ mode, uid, gid, size, atimeMs, mtimeMs }) => ({ mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) })

/** A line as of `ls -l`, which sftp's `ls -l` prints as it is. */
const long = (name, { mode, nlink, uid, gid, size, mtime }) => {
  const type = { [constants.S_IFDIR]: 'd', [constants.S_IFLNK]: 'l' }[mode & constants.S_IFMT] ?? '-'
  const bits = [...'rwxrwxrwx'].map((letter, at) => ((mode & (0o400 >> at)) === 0 ? '-' : letter)).join('')
  const time = mtime.toISOString().slice(0, 16).replace('T', ' ')
  return `${type}${bits} ${String(nlink).padStart(3)} ${uid} ${gid} ${String(size).padStart(9)} ${time} ${name}`
}

const named = (filename) => ['name', [{ filename, longname: filename, attrs: {} }]]

/** Sets what a client has named of a file; `change` does one such thing. */
const set = async ({ size, uid, gid, mode, atime, mtime }, change) => {
  if (size !== undefined) await change('truncate', size)
  if (mode !== undefined) await change('chmod', mode & 0o7777)
  if (uid !== undefined) await change('chown', uid, gid)
  if (mtime !== undefined) await change('utimes', atime, mtime)
}

/** The open files and folders of a session. */
class Handles {
  constructor() {
    this.all = new Map()
    this.last = 0
  }

  async open(open) {
    if (this.all.size >= MAX_HANDLES) throw new Error(`more than ${MAX_HANDLES} files are open`)
    const opened = await open()
    this.last += 1
    const handle = Buffer.from(String(this.last))
    this.all.set(handle.toString(), opened)
    return ['handle', handle]
  }

  /** What a handle of the client stands for. */
  get(handle, kind) {
    const opened = this.all.get(handle.toString())
    if (opened?.[kind] === undefined) throw new Error('this handle is not open')
    return opened
  }

  close(handle) {
    const opened = this.get(handle, 'close')
    this.all.delete(handle.toString())
    return opened.close()
  }

  async closeAll() {
    for (const handle of this.all.keys()) await this.close(handle).catch(() => {})
  }
}

/** What is done for each request: a method of ssh2 and what it sends, or nothing if it is done. */
const requests = (handles) => ({
  OPEN: (path, wanted, { mode = 0o666 }) => handles.open(async () => {
    const file = await fs.open(at(path), flags(wanted), mode & 0o7777)
    return { file, close: () => file.close() }
  }),
  OPENDIR: (path) => handles.open(async () => {
    const folder = await fs.opendir(at(path))
    return { folder, names: ['.', '..'], close: () => folder.close() }
  }),
  CLOSE: (handle) => handles.close(handle),
  READ: async (handle, position, length) => {
    const { bytesRead, buffer } = await handles.get(handle, 'file').file.read({ buffer: Buffer.alloc(Math.min(length, MAX_READ)), position })
    return bytesRead === 0 ? END : ['data', buffer.subarray(0, bytesRead)]
  },
  WRITE: async (handle, offset, data) => {
    const { file } = handles.get(handle, 'file')
    let written = 0
    while (written < data.length) written += (await file.write(data, written, data.length - written, offset + written)).bytesWritten
  },
  READDIR: async (handle) => {
    const { folder, names } = handles.get(handle, 'folder')
    const answer = []
    while (answer.length < NAMES) {
      const filename = names.shift() ?? (await folder.read())?.name
      if (filename === undefined) break
      const stats = await fs.lstat(resolve(folder.path, filename)).catch(() => undefined) // it may have gone meanwhile
      if (stats !== undefined) answer.push({ filename, longname: long(filename, stats), attrs: attributes(stats) })
    }
    return answer.length === 0 ? END : ['name', answer]
  },
  STAT: async (path) => ['attrs', attributes(await fs.stat(at(path)))],
  LSTAT: async (path) => ['attrs', attributes(await fs.lstat(at(path)))],
  FSTAT: async (handle) => ['attrs', attributes(await handles.get(handle, 'file').file.stat())],
  SETSTAT: (path, wanted) => set(wanted, (what, ...words) => fs[what](at(path), ...words)),
  FSETSTAT: (handle, wanted) => set(wanted, (what, ...words) => handles.get(handle, 'file').file[what](...words)),
  REMOVE: (path) => fs.unlink(at(path)),
  MKDIR: (path, { mode = 0o777 }) => fs.mkdir(at(path), mode & 0o7777),
  RMDIR: (path) => fs.rmdir(at(path)),
  RENAME: async (from, to) => {
    // version 3 replaces nothing
    if (await fs.lstat(at(to)).catch(() => undefined)) throw new Error(`${to} exists`)
    await fs.rename(at(from), at(to))
  },
  REALPATH: async (path) => named(await fs.realpath(at(path)).catch(() => at(path))),
  READLINK: async (path) => named(await fs.readlink(at(path))),
  SYMLINK: (link, target) => fs.symlink(target, at(link))
})

/** Ends a session with the status 0, without which scp fails. ssh2 itself sends none for files. */
const finish = (sftp) => {
  if (sftp.outgoing.state === 'open') sftp._protocol.exitStatus(sftp.outgoing.id, 0)
  sftp.end()
}

/** Answers the requests of a session. What is not among them, ssh2 refuses as unsupported. */
exports.files = (sftp) => {
  const handles = new Handles()
  let turn = Promise.resolve()
  const answer = async (id, request, words) => {
    try {
      const [kind, content] = (await request(...words)) ?? OK
      sftp[kind](id, content)
    } catch (error) {
      sftp.status(id, STATUS[error.code] ?? STATUS_CODE.FAILURE, error.message)
    }
  }
  for (const [name, request] of Object.entries(requests(handles))) {
    sftp.on(name, (id, ...words) => (turn = turn.then(() => answer(id, request, words))))
  }
  sftp.on('error', () => {})
  sftp.once('end', () => (turn = turn.then(() => finish(sftp))))
  sftp.once('close', () => (turn = turn.then(() => handles.closeAll())))
}
