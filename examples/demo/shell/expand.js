'use strict'
// Words to fields: variables, $( ), $(( )), quotes, splitting, patterns.

const { glob, magic, quote, source, unquote } = require('./glob.js')
const { Failure } = require('./shell.js')

/** Fields while they are made. A field is a pattern in which quoted characters have a backslash. */
class Fields {
  constructor(separators) {
    this.done = []
    this.current = undefined
    this.separators = separators
  }

  /** Text in quotes, also an empty one, makes a field. */
  quoted(text) {
    this.current = (this.current ?? '') + quote(text)
  }

  /** Text of the line itself: never split. */
  active(text) {
    this.current = (this.current ?? '') + text
  }

  /** A value without quotes: split at the characters of IFS; what is left may be a pattern. */
  split(value) {
    const blank = (letter) => this.separators.includes(letter) && ' \t\n'.includes(letter)
    let ended = true
    for (const letter of value) {
      if (!this.separators.includes(letter)) {
        this.active(letter === '\\' ? '\\\\' : letter)
        ended = false
      } else if (!blank(letter)) {
        if (ended && this.current === undefined) this.current = ''
        this.end()
        ended = true
      } else {
        this.end()
        ended = this.done.length === 0
      }
    }
  }

  end() {
    if (this.current !== undefined) this.done.push(this.current)
    this.current = undefined
  }
}

class Expander {
  /** `capture` runs a script and returns what it printed. */
  constructor(shell, capture) {
    this.shell = shell
    this.capture = capture
  }

  /** All fields of some words: the arguments of a command. */
  async fields(words) {
    const all = []
    for (const word of words) {
      const fields = new Fields(this.shell.get('IFS') ?? ' \t\n')
      await this.word(word, fields)
      fields.end()
      for (const field of fields.done) {
        const found = !this.shell.options.f && magic(field) ? glob(field, this.shell.cwd) : []
        all.push(...(found.length > 0 ? found : [unquote(field)]))
      }
    }
    return all
  }

  /** A word as one text: a value, the target of a redirection. */
  async text(word) {
    return unquote(await this.pattern(word))
  }

  /** A word as one pattern, in which quoted characters have a backslash. */
  async pattern(word) {
    if (word === undefined) return ''
    const fields = new Fields('')
    await this.word(word, fields)
    fields.end()
    return fields.done.join(' ')
  }

  /** The text of a document, or of a word in double quotes. */
  async document(parts) {
    const fields = new Fields('')
    for (const part of parts) await this.part(part, fields, true)
    fields.end()
    return unquote(fields.done.join(' '))
  }

  async word(word, fields, quoted = false) {
    const home = !quoted && /^~(?=\/|$)/.test(word.text) ? this.shell.get('HOME') : undefined
    if (home !== undefined) fields.quoted(home)
    const from = home === undefined ? 0 : 1
    if (word.parts === undefined) return fields.quoted(word.value.slice(from))
    for (const [index, part] of word.parts.entries()) {
      const cut = index === 0 && from === 1 && part.type === 'Literal'
      await this.part(cut ? { ...part, value: part.value.slice(1) } : part, fields, quoted)
    }
  }

  async part(part, fields, quoted) {
    switch (part.type) {
      case 'Literal':
      case 'SingleQuoted': return fields.quoted(part.value)
      case 'Glob': return quoted ? fields.quoted(part.text) : fields.active(part.text)
      case 'BraceExpansion': return fields.quoted(part.text)
      case 'DoubleQuoted':
        if (part.parts.length !== 1 || part.parts[0].text !== '$@') fields.quoted('')
        for (const child of part.parts) await this.part(child, fields, true)
        return
      case 'SimpleExpansion': return this.parameter(part.text.slice(1), undefined, fields, quoted)
      case 'ParameterExpansion': return this.parameter(part.parameter, part, fields, quoted)
      case 'CommandExpansion': return this.put((await this.capture(part.script)).replace(/\n+$/, ''), fields, quoted)
      case 'ArithmeticExpansion': return this.put(`${await this.arithmetic(part.expression)}`, fields, quoted)
      default: throw new SyntaxError(`this small shell has no ${part.text}`)
    }
  }

  put(value, fields, quoted) {
    if (quoted) fields.quoted(value)
    else fields.split(value)
  }

  async parameter(name, part, fields, quoted) {
    const { shell } = this
    const value = shell.parameter(name)
    if (part?.prefix === '#') return this.put(`${[...(value ?? '')].length}`, fields, quoted)
    const { operation } = part ?? {}
    if (operation?.type === 'Default') {
      const { operator, operand } = operation
      const missing = value === undefined || (operator.startsWith(':') && value === '')
      const kind = operator.at(-1)
      if (kind === '+' ? !missing : missing && kind !== '?') {
        if (kind !== '=') return this.word(operand, fields, quoted)
        shell.set(name, await this.text(operand))
        return this.put(shell.get(name), fields, quoted)
      }
      if (kind === '+') return
      if (missing) throw new Failure(`${name}: ${(await this.text(operand)) || 'not set'}`, 2)
    }
    if (value === undefined && shell.options.u && !'@*'.includes(name)) throw new Failure(`${name}: not set`, 2)
    if (operation?.type === 'Remove') return this.put(await this.removed(value ?? '', operation), fields, quoted)
    if (name === '@' || (name === '*' && !quoted)) {
      for (const [index, text] of shell.params.entries()) {
        if (index > 0) fields.end()
        this.put(text, fields, quoted)
      }
    } else if (value !== undefined) this.put(value, fields, quoted)
  }

  /** ${x#pattern}, ${x##pattern}, ${x%pattern}, ${x%%pattern}. */
  async removed(value, { operator, operand }) {
    const pattern = await this.pattern(operand)
    if (operator[0] === '#') return value.replace(new RegExp(`^${source(pattern, operator === '#')}`, 'u'), '')
    // the shortest ending is what is left by the longest beginning
    const start = operator === '%' ? '^([^]*)' : '^([^]*?)'
    return value.replace(new RegExp(`${start}${source(pattern)}$`, 'u'), '$1')
  }

  arithmetic(expression) {
    if (expression === undefined) return 0n
    const { shell } = this
    const text = async (node) => {
      if (node.type === 'ArithmeticCommandExpansion') return this.capture(node.script)
      return node.parts === undefined ? node.value : this.document(node.parts)
    }
    return require('./arithmetic.js').value(expression, { get: (name) => shell.get(name), set: (name, value) => shell.set(name, value), text })
  }
}

module.exports = { Expander }
