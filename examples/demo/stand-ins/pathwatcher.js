'use strict'
// In place of slap's `pathwatcher`, which is C++ for the Node.js of 2016: its File, without the watching.

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const nothing = { dispose() {} }

exports.File = class File {
  constructor(name) {
    this.path = path.resolve(name)
    this.encoding = 'utf8'
  }
  getPath() { return this.path }
  getBaseName() { return path.basename(this.path) }
  getEncoding() { return this.encoding }
  setEncoding(encoding) { this.encoding = encoding }
  existsSync() { return fs.existsSync(this.path) }
  exists() { return Promise.resolve(this.existsSync()) }
  readSync() { return this.existsSync() ? fs.readFileSync(this.path, this.encoding) : null }
  async read() { return this.readSync() }
  writeSync(text) { fs.writeFileSync(this.path, text, this.encoding) }
  async write(text) { this.writeSync(text) }
  getDigestSync() { return createHash('sha1').update(this.readSync() ?? '').digest('hex') }
  async getDigest() { return this.getDigestSync() }
  getParent() { return { getPath: () => path.dirname(this.path) } }
  onDidChange() { return nothing }
  onDidDelete() { return nothing }
  onDidRename() { return nothing }
  onWillThrowWatchError() { return nothing }
}
