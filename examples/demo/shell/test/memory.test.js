'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { complaint } = require('../memory.js')

test('npm in a small machine is named with what it needs', () => {
  const MiB = 1024 * 1024
  assert.match(complaint('npm', 112 * MiB), /has 112 MiB of memory, and npm needs 256: .*nodeos run --memory 256M/)
  assert.equal(complaint('npm', 238 * MiB), undefined)
  assert.equal(complaint('node', 112 * MiB), undefined)
})
