'use strict'
const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Incomplete, parse } = require('../grammar.js')

const names = (text) => parse(text).map(({ command }) => command.name?.value ?? command.type)

test('a line of plain words needs no grammar, and is the same with one', () => {
  const plain = (text) => parse(text).map(({ command }) => [command.name.value, ...command.args.map(({ value }) => value)])
  assert.deepEqual(plain('node x.js --port=80 a=b'), plain('node x.js --port=80 a=b #'))
  assert.deepEqual(plain(' npm  run build:all '), [['npm', 'run', 'build:all']])
})

test('comments and empty lines are no commands', () => {
  for (const text of ['', '  ', '# only a comment', '\n\n']) assert.deepEqual(parse(text), [])
  assert.deepEqual(names('a; b # c\nd'), ['a', 'b', 'd'])
})

test('what is wrong is refused', () => {
  for (const text of ['; a', 'a && && b', 'a | | b', 'fi', 'if true; fi', ')']) {
    assert.throws(() => parse(text), (error) => error instanceof SyntaxError, text)
  }
})

test('what only bash has is refused by its name, wherever it is', () => {
  const refused = {
    '[[ a ]]': '[[ ]], use [ ]',
    'a=(1 2)': 'arrays',
    'echo $(cat <(ls))': '<( )',
    'if true; then trap x EXIT; fi': 'trap',
    'echo ${a//b/c}': '${…/…}',
    'f() { select a in b; do :; done; }': 'select',
    'cat <<< a': '<<<',
    '(( a ))': '(( ))',
    'ls &> x': '&>',
    'ls |& cat': '|&, use 2>&1 |',
    'time ls': 'time'
  }
  for (const [text, what] of Object.entries(refused)) {
    assert.throws(() => parse(text), { message: `this small shell has no ${what}` }, text)
  }
})

test('what is not complete is told from what is wrong', () => {
  for (const text of ['a &&', 'a |', 'echo "b', "echo 'b", 'if true; then', 'while true; do a', 'f() {', '(a', 'case x in', '$(a']) {
    assert.throws(() => parse(text), Incomplete, text)
  }
})
