'use strict'
const assert = require('node:assert/strict')
const { test } = require('node:test')
const { commands } = require('../words.js')

const words = (line, env = {}, expand = () => []) => commands(line, env, expand).map((command) => command.words)

test('quotes, backslashes, variables and comments are as in sh', () => {
  assert.deepEqual(words(`a 'b  c' "d $X" e\\ f $X '$X' # g`, { X: 'x' }), [['a', 'b  c', 'd x', 'e f', 'x', '$X']])
  assert.deepEqual(words('echo $NONE.'), [['echo', '.']])
})

test('commands stand one after the other', () => {
  const all = commands('a 1; b && c || d;', {}, () => [])
  assert.deepEqual(all.map(({ words, after }) => `${after} ${words.join(' ')}`), ['; a 1', '; b', '&& c', '|| d'])
})

test('an empty line is no command', () => {
  assert.deepEqual(words(''), [])
  assert.deepEqual(words('   # only a comment'), [])
})

test('a glob that matches nothing stands as it is', () => {
  assert.deepEqual(words('ls *.js', {}, () => ['a.js', 'b.js']), [['ls', 'a.js', 'b.js']])
  assert.deepEqual(words('ls *.js'), [['ls', '*.js']])
})

test('what the shell does not have is said', () => {
  for (const line of ['a | b', 'a > b', 'a &', '; a', 'a && && b', 'a &&']) {
    assert.throws(() => words(line), SyntaxError, line)
  }
})
