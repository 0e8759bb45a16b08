'use strict'
// Redirections: > >> < <> >& <& and documents (<<).

const fs = require('node:fs')
const { resolve } = require('node:path')
const { Readable } = require('node:stream')
const { Descriptor, NOWHERE, Stream } = require('./ends.js')
const { reason } = require('./reason.js')
const { Failure } = require('./shell.js')

const FLAGS = { '>': 'w', '>|': 'w', '>>': 'a', '<': 'r', '<>': 'r+' }

/** What each redirection says, with its words expanded. */
exports.expand = async (redirects, expander) => {
  const all = []
  for (const { type, operator, descriptor, target, body, delimiter } of redirects) {
    const number = descriptor?.value ?? (operator.startsWith('<') ? 0 : 1)
    if (type === 'HereDoc') {
      let text = body.text
      if (operator === '<<-') text = text.replace(/^\t+/gm, '')
      if (!delimiter.quoted && body.parts !== undefined) text = await expander.document(body.parts)
      all.push({ number, text })
    } else all.push({ number, operator, target: await expander.text(target) })
  }
  return all
}

const opened = ({ operator, target, text }, io, cwd) => {
  if (text !== undefined) return new Stream(Readable.from([Buffer.from(text)]))
  if (operator.endsWith('&')) {
    if (target === '-') return NOWHERE
    const other = /^\d+$/.test(target) ? io[Number(target)] : undefined
    if (other === undefined) throw new Failure(`${operator}${target}: there is no such descriptor`)
    return other
  }
  try {
    return new Descriptor(fs.openSync(resolve(cwd, target), FLAGS[operator]), true)
  } catch (error) {
    throw new Failure(reason({ ...error, message: error.message, path: target }))
  }
}

/** Opens them, from left to right; `close` closes what was opened. */
exports.open = (list, io, cwd) => {
  const all = [...io]
  const mine = []
  const close = () => Promise.all(mine.map((end) => end.close()))
  try {
    for (const one of list) {
      const end = opened(one, all, cwd)
      if (one.text !== undefined || end.own) mine.push(end)
      all[one.number] = end
    }
  } catch (error) {
    close()
    throw error
  }
  return { io: all, close }
}
