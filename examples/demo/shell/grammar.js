'use strict'
// Text to commands. unbash parses it; what this shell does not have is refused here, before anything runs.

/** The text is not complete yet: a quote is open, or a `fi` is missing. */
class Incomplete extends SyntaxError {}

/** A line of plain words needs no grammar, and loading one takes longer than reading such a line. */
const PLAIN = /^[\w@%+:,./-]+(?: +[\w@%+:,./=-]+)*$/
const KEYWORDS = new Set('if then else elif fi for while until do done case esac in function select time coproc'.split(' '))

/** What bash has and sh does not, and how it is written. */
const BASH_ONLY = {
  AnsiCQuoted: "$'…'",
  ArithmeticCommand: '(( ))',
  ArithmeticFor: 'for (( ))',
  ArrayValue: 'arrays',
  CaseModification: '${…^}',
  Coproc: 'coproc',
  ExtendedGlob: 'extended patterns',
  FileDescriptorVariable: 'variables for descriptors',
  HereString: '<<<',
  LocaleString: '$"…"',
  Names: '${!…}',
  ProcessSubstitution: '<( )',
  Replace: '${…/…}',
  Select: 'select',
  Slice: '${…:…}',
  TestCommand: '[[ ]], use [ ]',
  Time: 'time',
  Transform: '${…@…}',
  Unknown: 'this ${…}'
}
/** Builtins of other shells that this one does not have. */
const MISSING = new Set('alias bg declare disown fg getopts hash jobs let mapfile popd pushd readonly shopt trap typeset ulimit unalias'.split(' '))

/** The name of what is not in this shell, of one node; `undefined` if all of it is. */
const missing = (node) => {
  if (Object.hasOwn(BASH_ONLY, node.type)) return BASH_ONLY[node.type]
  if (node.type === 'Command' && MISSING.has(node.name?.value)) return node.name.value
  if (node.type === 'Assignment' && (node.append || node.index)) return 'arrays and +='
  if (node.type === 'ParameterExpansion' && (node.index || node.prefix === '!')) return node.text
  if (node.type === 'Redirect' && node.operator.startsWith('&>')) return node.operator
  if (node.type === 'Pipeline' && node.operators.includes('|&')) return '|&, use 2>&1 |'
  if (node.type === 'CaseItem' && ![undefined, ';;'].includes(node.terminator)) return node.terminator
}

/** Refuses a tree with errors, or with what this shell lacks. */
const check = (node, source, forEachChild) => {
  const [error] = node.errors ?? []
  if (error !== undefined) {
    const atEnd = node.errors.some(({ message, pos }) => message.startsWith('unterminated') || pos >= source.trimEnd().length)
    const open = atEnd && !error.message.startsWith('unexpected')
    throw new (open ? Incomplete : SyntaxError)(error.message)
  }
  const what = missing(node)
  if (what !== undefined) throw new SyntaxError(`this small shell has no ${what}`)
  forEachChild(node, (child) => check(child, source, forEachChild))
}

const word = (text) => ({ type: 'Word', text, value: text })

/** Statements of a text. Throws a SyntaxError that names what is wrong or missing. */
const parse = (text) => {
  const plain = text.trim()
  if (PLAIN.test(plain)) {
    const [name, ...rest] = plain.split(/ +/)
    if (!KEYWORDS.has(name) && !MISSING.has(name)) {
      const suffix = rest.map(word)
      return [{ type: 'Statement', command: { type: 'Command', name: word(name), prefix: [], suffix, args: suffix, redirects: [] } }]
    }
  }
  const { parse: tree, forEachChild } = require('unbash')
  const script = tree(text)
  check(script, text, forEachChild)
  return script.commands
}

module.exports = { Incomplete, parse }
