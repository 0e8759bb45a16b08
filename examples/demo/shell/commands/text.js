'use strict'
// Commands that read text: files, or the input.

const fs = require('node:fs')
const { resolve } = require('node:path')
const { Descriptor, printed } = require('../ends.js')
const { reason } = require('../reason.js')
const { Failure } = require('../shell.js')
const { options } = require('./options.js')

/** The bytes of a file; of the input for `-`. */
const chunks = async function* (word, runner) {
  if (word === '-') return yield* runner.input()
  const file = new Descriptor(fs.openSync(resolve(runner.shell.cwd, word)), true)
  try {
    for await (const chunk of file.chunks()) {
      if (runner.signal?.aborted) return
      yield chunk
    }
  } finally {
    await file.close()
  }
}
exports.chunks = chunks

/** Lines without their ends. */
exports.lines = async function* (word, runner) {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks(word, runner)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()
    yield* parts
  }
  if (rest !== '') yield rest
}

/** Does something with each file, or with the input; what fails is said. */
const each = async (name, words, runner, act) => {
  let status = 0
  for (const word of words.length > 0 ? words : ['-']) {
    try {
      await act(word)
    } catch (error) {
      if (error.code === undefined) throw error
      await runner.say(`${name}: ${reason({ ...error, message: error.message, path: word })}`)
      status = 1
    }
  }
  return status
}
exports.each = each

exports.cat = (args, runner) => {
  const { words } = options(args, 'u')
  return each('cat', words, runner, async (word) => {
    for await (const chunk of chunks(word, runner)) await runner.out(chunk)
  })
}

const count = (text, letter, otherwise) => {
  if (text === undefined) return otherwise
  if (!/^\+?\d+$/.test(text)) throw new Failure(`-${letter} ${text}: not a number`, 2)
  return Number(text)
}

/** `-5` is `-n 5`. */
const short = (args) => args.map((arg) => (/^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg))

/** A heading if there are several files. */
const heading = (word, words, runner) => (words.length > 1 ? runner.out(`==> ${printed(runner.io[1])(word)} <==\n`) : undefined)

exports.head = (args, runner) => {
  const { on, words } = options(short(args), 'n:c:q')
  const byBytes = on.c !== undefined
  const wanted = byBytes ? count(on.c, 'c') : count(on.n, 'n', 10)
  return each('head', words, runner, async (word) => {
    await heading(word, words, runner)
    let left = wanted
    if (left === 0) return
    for await (const chunk of chunks(word, runner)) {
      let end = 0
      if (byBytes) end = Math.min(left, chunk.length)
      for (let seen = 0; !byBytes && seen < left; seen++) {
        const at = chunk.indexOf(10, end)
        end = at < 0 ? chunk.length : at + 1
        if (at < 0) break
      }
      const part = chunk.subarray(0, end)
      await runner.out(part)
      left -= byBytes ? part.length : part.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
      if (left === 0) return
    }
  })
}

/** The end of what was read, so far as it is wanted. */
const ending = (all, wanted, byBytes, fromStart) => {
  if (byBytes) return fromStart ? all.subarray(wanted - 1) : all.subarray(Math.max(0, all.length - wanted))
  if (fromStart) {
    let at = 0
    for (let line = 1; line < wanted && at >= 0; line++) at = all.indexOf(10, at) + 1 || -1
    return at < 0 ? Buffer.alloc(0) : all.subarray(at)
  }
  let at = all.length
  if (wanted === 0) return Buffer.alloc(0)
  if (all[at - 1] === 10) at--
  for (let line = 0; line < wanted && at >= 0; line++) at = at === 0 ? -1 : all.lastIndexOf(10, at - 1)
  return all.subarray(at + 1)
}

/** Prints what is added to a file, until Ctrl-C. */
const follow = async (path, runner) => {
  let at = fs.statSync(path).size
  while (!runner.signal?.aborted) {
    await new Promise((done) => setTimeout(done, 250))
    const { size } = fs.statSync(path)
    if (size < at) at = 0
    if (size === at) continue
    const file = fs.openSync(path)
    const buffer = Buffer.alloc(size - at)
    at += fs.readSync(file, buffer, 0, buffer.length, at)
    fs.closeSync(file)
    await runner.out(buffer)
  }
}

exports.tail = (args, runner) => {
  const { on, words } = options(short(args), 'n:c:fqF')
  const text = on.c ?? on.n
  const wanted = count(text, on.c === undefined ? 'n' : 'c', 10)
  return each('tail', words, runner, async (word) => {
    await heading(word, words, runner)
    const all = []
    for await (const chunk of chunks(word, runner)) all.push(chunk)
    await runner.out(ending(Buffer.concat(all), wanted, on.c !== undefined, text?.startsWith('+')))
    if ((on.f || on.F) && word !== '-') await follow(resolve(runner.shell.cwd, word), runner)
  })
}

exports.wc = async (args, runner) => {
  const { on, words } = options(args, 'lwcm')
  const all = !on.l && !on.w && !on.c && !on.m
  const shown = (counts, name) => {
    const [lines, parts, bytes] = counts
    const cells = [[on.l, lines], [on.w, parts], [on.c || on.m, bytes]].filter(([wanted]) => all || wanted).map(([, value]) => value)
    const single = cells.length === 1 && words.length < 2
    return runner.out(`${cells.map((cell) => (single ? `${cell}` : `${cell}`.padStart(7))).join(' ')}${name === '-' ? '' : ` ${printed(runner.io[1])(name)}`}\n`)
  }
  const sum = [0, 0, 0]
  const status = await each('wc', words, runner, async (word) => {
    const counts = [0, 0, 0]
    let inside = false
    for await (const chunk of chunks(word, runner)) {
      counts[2] += chunk.length
      for (const byte of chunk) {
        if (byte === 10) counts[0]++
        const blank = byte === 32 || (byte >= 9 && byte <= 13)
        if (!blank && !inside) counts[1]++
        inside = !blank
      }
    }
    counts.forEach((value, at) => (sum[at] += value))
    await shown(counts, word)
  })
  if (words.length > 1) await shown(sum, 'total')
  return status
}

exports.sort = async (args, runner) => {
  const { on, words } = options(args, 'nru')
  const all = []
  const status = await each('sort', words, runner, async (word) => {
    for await (const line of exports.lines(word, runner)) all.push(line)
  })
  const compare = on.n ? (a, b) => (Number.parseFloat(a) || 0) - (Number.parseFloat(b) || 0) : (a, b) => (a < b ? -1 : Number(a > b))
  all.sort(compare)
  if (on.r) all.reverse()
  const kept = on.u ? all.filter((line, at) => at === 0 || line !== all[at - 1]) : all
  await runner.out(kept.map((line) => `${line}\n`).join(''))
  return status
}

exports.tee = async (args, runner) => {
  const { on, words } = options(args, 'a')
  const files = words.map((word) => new Descriptor(fs.openSync(resolve(runner.shell.cwd, word), on.a ? 'a' : 'w'), true))
  try {
    for await (const chunk of runner.input()) {
      for (const file of files) await file.write(chunk)
      await runner.out(chunk)
    }
  } finally {
    for (const file of files) await file.close()
  }
}
