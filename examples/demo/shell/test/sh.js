'use strict'
// Runs the shell as a program does: sh -c TEXT.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const shell = path.join(__dirname, '..', 'nsh.js')

/** A new home with node in its /bin; the shell is called sh there. */
exports.home = (after) => {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'sh-')))
  after(() => fs.rmSync(home, { recursive: true }))
  fs.mkdirSync(path.join(home, 'bin'))
  fs.symlinkSync(process.execPath, path.join(home, 'bin/node'))
  fs.symlinkSync(shell, path.join(home, 'bin/sh'))
  fs.symlinkSync(shell, path.join(home, 'bin/ps'))
  const env = { HOME: home, PATH: `${home}/bin`, USER: 'ana' }
  /** Status, output and complaints of a command. */
  const sh = (text, { words = [], input = '', more = {} } = {}) => {
    const args = [path.join(home, 'bin/sh'), '-c', text, 'sh', ...words]
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { cwd: home, env: { ...env, ...more }, input, encoding: 'utf8', timeout: 20_000 })
    return [signal ?? status, stdout, stderr]
  }
  return { home, sh, env, shell }
}
