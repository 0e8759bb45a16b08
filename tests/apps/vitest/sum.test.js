import { expect, test } from 'vitest'

test('adds', () => expect(1 + 1).toBe(2))
test('compares', () => expect({ a: [1] }).toEqual({ a: [1] }))
