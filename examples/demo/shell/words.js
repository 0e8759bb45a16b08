'use strict'
// A line of the shell to commands. Pure: text and variables in, values out.

const { parse } = require('shell-quote')

/**
 * @typedef {object} Command
 * @property {string[]} words the program and its arguments
 * @property {';'|'&&'|'||'} after what stands before it: whether it runs depends on how the last one ended
 */

/**
 * Parses one line. Quotes, backslashes, $variables and # comments are as in sh; globs are expanded by `expand`.
 * @param {string} line
 * @param {Record<string, string|undefined>} env
 * @param {(pattern: string) => string[]} expand
 * @returns {Command[]}
 */
exports.commands = (line, env, expand) => {
  const all = [{ words: [], after: ';' }]
  for (const token of parse(line, (name) => env[name] ?? '')) {
    const { words } = all.at(-1)
    if (typeof token === 'string') {
      words.push(token)
    } else if (token.comment !== undefined) {
      break
    } else if (token.op === 'glob') {
      const found = expand(token.pattern)
      words.push(...(found.length > 0 ? found : [token.pattern]))
    } else if ([';', '&&', '||'].includes(token.op)) {
      if (words.length === 0) throw new SyntaxError(`nothing before ${token.op}`)
      all.push({ words: [], after: token.op })
    } else {
      throw new SyntaxError(`this small shell has no ${token.op}; quote it if it is meant as it stands`)
    }
  }
  const last = all.at(-1)
  if (last.words.length > 0) return all
  if (all.length > 1 && last.after !== ';') throw new SyntaxError(`nothing after ${last.after}`)
  return all.slice(0, -1)
}
