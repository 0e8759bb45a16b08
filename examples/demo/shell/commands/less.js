'use strict'
// less: a text page by page. It has the terminal for itself: nsh starts it as a process of its own.

const { lines } = require('./text.js')
const { options } = require('./options.js')

/** A line without its escapes and control characters, cut into rows of the screen. */
const rows = (line, width) => {
  const text = require('node:util').stripVTControlCharacters(line).replaceAll('\t', '        ').replace(/[\x00-\x1f\x7f]/g, '?')
  const all = []
  for (let at = 0; at === 0 || at < text.length; at += width) all.push(text.slice(at, at + width))
  return all
}

const KEYS = { ' ': 1, f: 1, '\x1b[6~': 1, b: -1, '\x1b[5~': -1, d: 0.5, u: -0.5 }
const LINES = { j: 1, '\r': 1, '\n': 1, '\x1b[B': 1, k: -1, '\x1b[A': -1 }

/** Where the screen starts after a key; `undefined` ends. */
const moved = (key, top, page, last) => {
  if (key === 'q' || key === '\x03' || key === '\x04') return undefined
  if (key === 'g') return 0
  if (key === 'G') return last
  const by = LINES[key] ?? Math.trunc((KEYS[key] ?? 0) * page)
  return Math.max(0, Math.min(last, top + by))
}
exports.moved = moved

exports.less = async (args, runner) => {
  const { words } = options(args, 'FRXSNn')
  const { stdin, stdout } = process
  const text = []
  for (const word of words.length > 0 ? words : ['-']) {
    for await (const line of lines(word, runner)) text.push(line)
  }
  if (!runner.io[1].terminal || !runner.io[0].terminal) return runner.out(text.map((line) => `${line}\n`).join(''))
  const width = stdout.columns || 80
  const page = (stdout.rows || 24) - 1
  const all = text.flatMap((line) => rows(line, width))
  const last = Math.max(0, all.length - page)
  let top = 0
  const draw = () => {
    const shown = all.slice(top, top + page)
    const place = top >= last ? '(end)' : `${Math.round((100 * (top + page)) / all.length)}%`
    stdout.write(`\x1b[H\x1b[2J${shown.map((row) => `${row}\r\n`).join('')}\x1b[7m${place}\x1b[0m`)
  }
  stdin.setRawMode(true)
  draw()
  for await (const chunk of stdin) {
    const keys = chunk.toString().match(/\x1b\[[\d;]*[A-Za-z~]|[^]/g) ?? []
    for (const key of keys) {
      top = moved(key, top, page, last)
      if (top === undefined) break
    }
    if (top === undefined) break
    draw()
  }
  stdin.setRawMode(false)
  stdout.write('\r\x1b[K')
}
