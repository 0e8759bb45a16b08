const assert = require('node:assert')

describe('sum', () => {
  it('adds', () => assert.equal(1 + 1, 2))
  it('waits', async () => assert.equal(await Promise.resolve(3), 3))
})
