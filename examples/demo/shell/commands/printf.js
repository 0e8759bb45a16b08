'use strict'
const { Failure } = require('../shell.js')
const { escaped } = require('./language.js')

const integer = (text) => {
  if (/^["']/.test(text)) return text.codePointAt(1) ?? 0
  if (!/^\s*[-+]?(0[xX][\da-fA-F]+|\d+)$/.test(text)) throw new Failure(`${text}: not a number`)
  return Number(text)
}

const FORMATS = {
  s: (text) => text,
  b: escaped,
  c: (text) => text.slice(0, 1),
  d: (text) => `${integer(text || '0')}`,
  i: (text) => `${integer(text || '0')}`,
  u: (text) => `${integer(text || '0')}`,
  o: (text) => integer(text || '0').toString(8),
  x: (text) => integer(text || '0').toString(16),
  X: (text) => integer(text || '0').toString(16).toUpperCase(),
  f: (text, precision) => Number(text || '0').toFixed(precision ?? 6),
  g: (text) => `${Number(text || '0')}`
}

/** The format is used again as long as there are words. */
exports.printf = async (args, { out }) => {
  const [format, ...words] = args[0] === '--' ? args.slice(1) : args
  if (format === undefined) throw new Failure('which format?', 2)
  const pieces = format.split(/(%[-+ 0#]*(?:\*|\d+)?(?:\.\d+)?[a-zA-Z%])/)
  let all = ''
  do {
    const before = words.length
    for (const piece of pieces) {
      const [, flags, width, precision, letter] = /^%([-+ 0#]*)(\*|\d+)?(?:\.(\d+))?([a-zA-Z%])$/.exec(piece) ?? []
      if (letter === undefined) all += escaped(piece)
      else if (letter === '%') all += '%'
      else {
        if (!Object.hasOwn(FORMATS, letter)) throw new Failure(`%${letter}: not in this small shell`, 2)
        const wide = Number(width === '*' ? words.shift() : (width ?? 0))
        let text = FORMATS[letter](words.shift() ?? '', precision === undefined ? undefined : Number(precision))
        if ('sb'.includes(letter) && precision !== undefined) text = text.slice(0, Number(precision))
        if (flags.includes('+') && 'di'.includes(letter) && !text.startsWith('-')) text = `+${text}`
        const zeros = flags.includes('0') && !flags.includes('-') && !'sbc'.includes(letter)
        if (zeros) text = text.replace(/^[-+]?/, (sign) => sign.padEnd(Math.max(sign.length, wide - text.length + sign.length), '0'))
        all += flags.includes('-') ? text.padEnd(wide) : text.padStart(wide)
      }
    }
    if (words.length === before) break
  } while (words.length > 0)
  await out(all)
}
