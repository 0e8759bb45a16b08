'use strict'
// sed, of which there is the command s: what the launchers in node_modules/.bin use that pnpm writes.

const { Failure } = require('../shell.js')
const { expression } = require('./grep.js')
const { need, options } = require('./options.js')
const { each, lines } = require('./text.js')

/** `s/pattern/replacement/flags`, with any character in place of the slash. */
const substitution = (script, extended) => {
  const mark = script[1]
  const parts = ['']
  for (let at = 2; at < script.length; at++) {
    if (script[at] === mark && parts.length < 3) parts.push('')
    else if (script[at] === '\\' && at + 1 < script.length) {
      const next = script[++at]
      parts[parts.length - 1] += next === mark ? next : `\\${next}`
    } else parts[parts.length - 1] += script[at]
  }
  const [pattern, replacement, flags] = parts
  if (script[0] !== 's' || flags === undefined || !/^[gip]*$/.test(flags)) {
    throw new Failure(`${script}: only s/…/…/ with g, i and p is here`, 2)
  }
  const wanted = new RegExp(expression(pattern, extended), flags.replace('p', ''))
  const put = (...found) => replacement.replace(/\\(.)|&/gs, (whole, letter) => {
    if (whole === '&') return found[0]
    if (/\d/.test(letter)) return found[Number(letter)] ?? ''
    return letter === 'n' ? '\n' : letter
  })
  return { wanted, put, prints: flags.includes('p') }
}

exports.sed = (args, runner) => {
  const scripts = []
  const rest = []
  for (let at = 0; at < args.length; at++) {
    if (args[at] === '-e') scripts.push(args[++at] ?? '')
    else rest.push(args[at])
  }
  const { on, words } = options(rest, 'nEr')
  if (scripts.length === 0) {
    need(words, 1, 'script')
    scripts.push(words.shift())
  }
  const all = scripts.map((script) => substitution(script, Boolean(on.E || on.r)))
  return each('sed', words, runner, async (word) => {
    for await (let line of lines(word, runner)) {
      let printed = 0
      for (const { wanted, put, prints } of all) {
        const changed = line.replace(wanted, put)
        if (prints && changed !== line) printed++
        line = changed
      }
      await runner.out(`${line}\n`.repeat(printed + (on.n ? 0 : 1)))
    }
  })
}
