'use strict'
// A child of node.js: goes where its user belongs, and becomes that user's init.
const [root, uid, gid] = process.argv.slice(2)
const libc = require('/koffi/node_modules/koffi').load('libc.so.6')
if (libc.func('int chroot(str path)')(root) !== 0) throw new Error('chroot')
process.chdir('/')
process.setgroups([])
process.setgid(+gid)
process.setuid(+uid)
require('/init')
