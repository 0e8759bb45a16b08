'use strict'
// What the machine is, and who you are in it.

const fs = require('node:fs')
const os = require('node:os')
const { resolve } = require('node:path')
const { names } = require('./accounts.js')
const { each } = require('./text.js')
const { columns, options, size } = require('./options.js')

exports.whoami = (args, { out }) => out(`${os.userInfo().username}\n`)

exports.id = (args, { out }) => {
  const { on } = options(args, 'ugGn')
  const { username, uid, gid } = os.userInfo()
  const { group } = names()
  const groups = [...new Set([gid, ...process.getgroups()])]
  if (on.u) return out(`${on.n ? username : uid}\n`)
  if (on.g) return out(`${on.n ? group(gid) : gid}\n`)
  if (on.G) return out(`${groups.map((id) => (on.n ? group(id) : id)).join(' ')}\n`)
  const list = groups.map((id) => `${id}(${group(id)})`).join(',')
  return out(`uid=${uid}(${username}) gid=${gid}(${group(gid)}) groups=${list}\n`)
}

exports.clear = (args, { out }) => out('\x1b[H\x1b[2J\x1b[3J')

exports.hostname = (args, { out }) => out(`${os.hostname()}\n`)

exports.uname = (args, { out }) => {
  const { on } = options(args, 'amnrsvpo')
  const all = { s: os.type(), n: os.hostname(), r: os.release(), v: os.version(), m: os.machine() }
  const wanted = Object.keys(all).filter((letter) => on.a || on[letter])
  return out(`${(wanted.length > 0 ? wanted : ['s']).map((letter) => all[letter]).join(' ')}\n`)
}

exports.free = (args, { out }) => {
  const { on } = options(args, 'hmkb')
  const unit = on.m ? 1 << 20 : on.b || on.h ? 1 : 1024
  const shown = (bytes) => size(on.h ? bytes : Math.round(bytes / unit), on.h)
  const [total, free] = [os.totalmem(), os.freemem()]
  const rows = [['Mem:', shown(total), shown(total - free), shown(free)]]
  // what this user may have, if the machine limits it
  const limit = process.constrainedMemory?.() ?? 0
  if (limit > 0 && limit < total) {
    const left = process.availableMemory()
    rows.push(['Yours:', shown(limit), shown(Math.max(0, limit - left)), shown(Math.min(left, limit))])
  }
  return out(columns(['', '>total', '>used', '>free'], rows))
}

exports.df = async (args, runner) => {
  const { on, words } = options(args, 'hk')
  const rows = []
  const add = (path) => {
    const { bsize, blocks, bfree, bavail } = fs.statfsSync(resolve(runner.shell.cwd, path))
    const used = blocks - bfree
    const shown = (count) => size(on.h ? count * bsize : Math.round((count * bsize) / 1024), on.h)
    const share = used + bavail === 0 ? '-' : `${Math.ceil((100 * used) / (used + bavail))}%`
    rows.push([shown(blocks), shown(used), shown(bavail), share, path])
  }
  const usual = ['/', '/tmp', '/dev/shm'].filter((path) => fs.existsSync(path))
  const status = await each('df', words.length > 0 ? words : usual, runner, add)
  await runner.out(columns([on.h ? '>Size' : '>1K-blocks', '>Used', '>Available', '>Use%', 'Path'], rows))
  return status
}
