'use strict'
const { Failure } = require('../shell.js')
const { commands } = require('./table.js')

const line = ([name, { takes, does }], width) => `${`${name} ${takes}`.trim().padEnd(width)}  ${does}\n`

exports.help = ([name], { shell, out }) => {
  if (name !== undefined) {
    if (!Object.hasOwn(commands, name)) throw new Failure(`${name} is not built in`)
    return out(line([name, commands[name]], 0))
  }
  const rows = Object.entries(commands)
  const width = Math.max(...rows.map(([name, { takes }]) => name.length + takes.length + 1))
  return out(`Built in:
${rows.map((row) => line(row, width)).join('')}
Everything else is a program: a path, or a name in ${shell.get('PATH') ?? '/bin'}.
Between commands: ; && || | &. Redirection: > >> < 2> 2>&1 <<. Also if, for, while, case, functions, $( ) and $(( )).
`)
}
