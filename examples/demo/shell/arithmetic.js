'use strict'
// $(( )): integers of 64 bits, as in sh.

const wrap = (value) => BigInt.asIntN(64, value)

const BINARY = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<': (a, b) => BigInt(a < b),
  '>': (a, b) => BigInt(a > b),
  '<=': (a, b) => BigInt(a <= b),
  '>=': (a, b) => BigInt(a >= b),
  '==': (a, b) => BigInt(a === b),
  '!=': (a, b) => BigInt(a !== b)
}
const UNARY = { '-': (a) => -a, '+': (a) => a, '!': (a) => BigInt(a === 0n), '~': (a) => ~a }

/** A number as it is written; a name is the value of that variable. */
const number = (text, get, depth = 0) => {
  const trimmed = text.trim()
  if (trimmed === '') return 0n
  if (/^0[0-7]+$/.test(trimmed)) return BigInt(`0o${trimmed.slice(1)}`)
  if (/^(\d+|0[xX][\da-fA-F]+)$/.test(trimmed)) return BigInt(trimmed)
  if (/^-\d+$/.test(trimmed)) return BigInt(trimmed)
  if (/^[A-Za-z_]\w*$/.test(trimmed) && depth < 10) return number(get(trimmed) ?? '', get, depth + 1)
  throw new SyntaxError(`${trimmed}: not a number`)
}

/**
 * The value of an expression.
 * @param {object} node of unbash
 * @param {{get: (name: string) => string|undefined, set: (name: string, value: string) => void, text: (node: object) => Promise<string>}} access
 * @returns {Promise<bigint>}
 */
const value = async (node, access) => {
  const of = (other) => value(other, access)
  const assign = (name, result) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new SyntaxError(`${name}: not a variable`)
    access.set(name, `${result}`)
    return result
  }
  switch (node.type) {
    case 'ArithmeticGroup': return of(node.expression)
    case 'ArithmeticTernary': return of((await of(node.test)) !== 0n ? node.consequent : node.alternate)
    case 'ArithmeticUnary': {
      if (node.operator === '++' || node.operator === '--') {
        const before = number(node.operand.value, access.get)
        const after = assign(node.operand.value, before + (node.operator === '++' ? 1n : -1n))
        return node.prefix ? after : before
      }
      return wrap(UNARY[node.operator](await of(node.operand)))
    }
    case 'ArithmeticBinary': {
      const { operator } = node
      if (operator === '&&') return BigInt((await of(node.left)) !== 0n && (await of(node.right)) !== 0n)
      if (operator === '||') return BigInt((await of(node.left)) !== 0n || (await of(node.right)) !== 0n)
      if (operator === '=') return assign(node.left.value, await of(node.right))
      const known = BINARY[operator] ?? BINARY[operator.slice(0, -1)]
      if (known === undefined) throw new SyntaxError(`${operator}: not in this shell's arithmetic`)
      const [left, right] = [await of(node.left), await of(node.right)]
      if ((operator.startsWith('/') || operator.startsWith('%')) && right === 0n) throw new RangeError('division by zero')
      const result = wrap(known(left, right))
      return Object.hasOwn(BINARY, operator) ? result : assign(node.left.value, result)
    }
    default: return number(await access.text(node), access.get)
  }
}
exports.value = value
