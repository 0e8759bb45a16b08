'use strict'
// test and [: true is status 0.

const fs = require('node:fs')
const { resolve } = require('node:path')
const { Failure } = require('../shell.js')

const stat = (path) => fs.statSync(path, { throwIfNoEntry: false })
const may = (path, mode) => {
  try {
    fs.accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
const of = (check) => (text, cwd) => {
  if (text === '') return false
  try {
    return check(resolve(cwd, text))
  } catch {
    return false // a path through what is no folder
  }
}

const UNARY = {
  '-n': (text) => text !== '',
  '-z': (text) => text === '',
  '-e': of((path) => stat(path) !== undefined),
  '-a': of((path) => stat(path) !== undefined),
  '-f': of((path) => stat(path)?.isFile()),
  '-d': of((path) => stat(path)?.isDirectory()),
  '-p': of((path) => stat(path)?.isFIFO()),
  '-S': of((path) => stat(path)?.isSocket()),
  '-b': of((path) => stat(path)?.isBlockDevice()),
  '-c': of((path) => stat(path)?.isCharacterDevice()),
  '-s': of((path) => stat(path)?.size > 0),
  '-r': of((path) => may(path, fs.constants.R_OK)),
  '-w': of((path) => may(path, fs.constants.W_OK)),
  '-x': of((path) => may(path, fs.constants.X_OK)),
  '-L': of((path) => fs.lstatSync(path).isSymbolicLink()),
  '-h': of((path) => fs.lstatSync(path).isSymbolicLink()),
  '-u': of((path) => (stat(path)?.mode & 0o4000) !== 0),
  '-t': (text) => require('node:tty').isatty(Number(text))
}

const number = (text) => {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new Failure(`${text}: not a number`, 2)
  return BigInt(text.trim().replace('+', ''))
}
const numbers = (check) => (a, b) => check(number(a), number(b))
const times = (check) => (a, b, cwd) => check(stat(resolve(cwd, a))?.mtimeMs ?? -1, stat(resolve(cwd, b))?.mtimeMs ?? -1)

const BINARY = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '-eq': numbers((a, b) => a === b),
  '-ne': numbers((a, b) => a !== b),
  '-lt': numbers((a, b) => a < b),
  '-le': numbers((a, b) => a <= b),
  '-gt': numbers((a, b) => a > b),
  '-ge': numbers((a, b) => a >= b),
  '-nt': times((a, b) => a > b),
  '-ot': times((a, b) => a < b),
  '-ef': (a, b, cwd) => {
    const [one, two] = [stat(resolve(cwd, a)), stat(resolve(cwd, b))]
    return one !== undefined && one.ino === two?.ino && one.dev === two.dev
  }
}

/** Reads an expression from the left. The number of words decides what a word is, as POSIX says. */
const evaluate = (words, cwd) => {
  const rest = [...words]
  const primary = () => {
    const [first, second] = rest
    if (first === undefined) throw new Failure('it ends too early', 2)
    if (rest.length >= 3 && Object.hasOwn(BINARY, second)) {
      const [left, operator, right] = rest.splice(0, 3)
      return BINARY[operator](left, right, cwd)
    }
    if (first === '!' && rest.length > 1) {
      rest.shift()
      return !primary()
    }
    if (first === '(' && rest.length > 1) {
      rest.shift()
      const value = or()
      if (rest.shift() !== ')') throw new Failure('a ) is missing', 2)
      return value
    }
    if (rest.length >= 2 && Object.hasOwn(UNARY, first)) {
      const [operator, operand] = rest.splice(0, 2)
      return Boolean(UNARY[operator](operand, cwd))
    }
    return rest.shift() !== ''
  }
  const and = () => {
    let value = primary()
    while (rest[0] === '-a') {
      rest.shift()
      value = primary() && value
    }
    return value
  }
  const or = () => {
    let value = and()
    while (rest[0] === '-o') {
      rest.shift()
      value = and() || value
    }
    return value
  }
  if (rest.length === 0) return false
  const value = or()
  if (rest.length > 0) throw new Failure(`${rest[0]}: not expected here`, 2)
  return value
}

exports.test = (words, { shell }) => (evaluate(words, shell.cwd) ? 0 : 1)

exports['['] = (words, { shell }) => {
  if (words.at(-1) !== ']') throw new Failure('a ] is missing', 2)
  return evaluate(words.slice(0, -1), shell.cwd) ? 0 : 1
}
