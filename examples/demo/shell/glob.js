'use strict'
// Patterns of sh: * ? [a-z]. In a pattern a backslash quotes the next character.

const fs = require('node:fs')
const { resolve } = require('node:path')

const CLASSES = { alnum: 'A-Za-z0-9', alpha: 'A-Za-z', blank: ' \\t', digit: '0-9', lower: 'a-z', punct: '!-\\/:-@\\[-`{-~', space: '\\s', upper: 'A-Z', xdigit: 'A-Fa-f0-9' }

/** A text as a pattern that matches only this text. */
exports.quote = (text) => text.replace(/[*?[\]\\]/g, '\\$&')

/** The text that a pattern without active characters stands for. */
exports.unquote = (pattern) => pattern.replace(/\\(.)/gs, '$1')

/** Whether a pattern has an active character. */
const magic = (pattern) => /[*?[]/.test(pattern.replace(/\\./gs, ''))
exports.magic = magic

/** `[:alpha:]` and the like, inside of brackets. */
const classes = (text) => text.replace(/\[:(\w+):\]/g, (whole, name) => CLASSES[name] ?? whole)
exports.classes = classes

const literal = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/** The source of a regular expression; with `lazy` a star takes as little as it can. */
const source = (pattern, lazy = false) => {
  let out = ''
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at]
    if (letter === '\\' && at + 1 < pattern.length) out += literal(pattern[++at])
    else if (letter === '*') out += lazy ? '[^]*?' : '[^]*'
    else if (letter === '?') out += '[^]'
    else if (letter === '[') {
      const bracket = /^\[([!^]?)(\]?(?:\[:\w+:\]|\\.|[^\]])*)\]/s.exec(pattern.slice(at))
      if (bracket === null) out += '\\['
      else {
        out += `[${bracket[1] === '' ? '' : '^'}${classes(bracket[2]).replace(/^\]/, '\\]').replace(/\[/g, '\\[')}]`
        at += bracket[0].length - 1
      }
    } else out += literal(letter)
  }
  return out
}
exports.source = source

/** Whether a pattern matches the whole text. */
exports.matches = (pattern, text) => new RegExp(`^${source(pattern)}$`, 'u').test(text)

const entries = (folder) => {
  try {
    return fs.readdirSync(folder)
  } catch {
    return [] // a folder that cannot be read has no match
  }
}

/** Paths that match, in order. */
exports.glob = (pattern, cwd) => {
  let found = [pattern.startsWith('/') ? '/' : '']
  for (const part of pattern.split('/').filter((part) => part !== '')) {
    const next = []
    for (const above of found) {
      const at = above === '' || above.endsWith('/') ? above : `${above}/`
      if (magic(part)) {
        const wanted = new RegExp(`^${source(part)}$`, 'u')
        const shown = (name) => part.startsWith('.') || !name.startsWith('.')
        next.push(...entries(resolve(cwd, at)).filter((name) => shown(name) && wanted.test(name)).sort().map((name) => at + name))
      } else if (fs.existsSync(resolve(cwd, at + exports.unquote(part)))) {
        next.push(at + exports.unquote(part))
      }
    }
    found = next
  }
  const folders = (path) => fs.statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory()
  return pattern.endsWith('/') ? found.filter(folders).map((path) => `${path}/`) : found
}
