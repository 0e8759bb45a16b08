'use strict'
const fs = require('node:fs')
const { join, resolve } = require('node:path')
const { printed } = require('../ends.js')
const { classes } = require('../glob.js')
const { Failure } = require('../shell.js')
const { options } = require('./options.js')
const { each, lines } = require('./text.js')

/** A pattern of grep as one of JavaScript. In a basic one, ( ) { } + ? | are special with a backslash. */
const expression = (pattern, extended) => {
  let out = ''
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at]
    if (letter === '[') {
      const set = /^\[\^?\]?(?:\[:\w+:\]|[^\]])*\]/.exec(pattern.slice(at))?.[0]
      if (set === undefined) throw new Failure(`${pattern}: a ] is missing`, 2)
      out += classes(set.replace(/^(\[\^?)\]/, '$1\\]').replaceAll('\\', '\\\\').replaceAll('\\\\]', '\\]'))
      at += set.length - 1
    } else if (letter === '\\' && at + 1 < pattern.length) {
      const next = pattern[++at]
      if ('(){}+?|'.includes(next)) out += extended ? `\\${next}` : next
      else out += next === '<' || next === '>' ? '\\b' : `\\${next}`
    } else if (!extended && ('(){}+?|'.includes(letter) || (letter === '*' && (out === '' || out === '^')))) out += `\\${letter}`
    else out += letter
  }
  return out
}
exports.expression = expression

const matcher = (pattern, on) => {
  const one = (text) => {
    const source = on.F ? text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : expression(text, Boolean(on.E))
    if (on.x) return `^(?:${source})$`
    return on.w ? `(?<!\\w)(?:${source})(?!\\w)` : source
  }
  try {
    return new RegExp(pattern.split('\n').map(one).join('|'), on.i ? 'gi' : 'g')
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${pattern}: not a pattern`, 2)
  }
}

/** Files below folders. */
const below = (words, cwd) => {
  const all = []
  const visit = (path) => {
    const found = fs.lstatSync(resolve(cwd, path), { throwIfNoEntry: false })
    if (found?.isDirectory()) fs.readdirSync(resolve(cwd, path)).sort().forEach((name) => visit(join(path, name)))
    else if (found === undefined || found.isFile()) all.push(path)
  }
  for (const word of words) visit(word)
  return all
}

exports.grep = async (args, runner) => {
  const { on, words } = options(args, 'EFGce:hHilLnoqrRsvwxm:')
  const pattern = on.e ?? words.shift()
  if (pattern === undefined) throw new Failure('which pattern?', 2)
  const wanted = matcher(pattern, on)
  const recursive = on.r || on.R
  const files = recursive ? below(words.length > 0 ? words : ['.'], runner.shell.cwd) : words
  const named = !on.h && (on.H || recursive || files.length > 1)
  const limit = on.m === undefined ? Infinity : Number(on.m)
  let found = false
  const search = async (word) => {
    const name = printed(runner.io[1])(word)
    const start = named ? `${name}:` : ''
    let hits = 0
    let number = 0
    for await (const line of lines(word, runner)) {
      number++
      wanted.lastIndex = 0
      if (wanted.test(line) === Boolean(on.v)) continue
      hits++
      found = true
      if (on.q || on.l) break
      if (!on.c && !on.L) {
        wanted.lastIndex = 0
        const texts = on.o && !on.v ? [...line.matchAll(wanted)].map(([text]) => text) : [line]
        for (const text of texts) await runner.out(`${start}${on.n ? `${number}:` : ''}${text}\n`)
      }
      if (hits >= limit) break
    }
    if (on.l ? hits > 0 : on.L && hits === 0) await runner.out(`${name}\n`)
    else if (on.c && !on.q && !on.l && !on.L) await runner.out(`${start}${hits}\n`)
  }
  const said = on.s ? Object.assign(Object.create(runner), { say: async () => {} }) : runner
  const status = await each('grep', files, said, search)
  if (on.q && found) return 0
  return status === 0 ? (found ? 0 : 1) : 2
}
