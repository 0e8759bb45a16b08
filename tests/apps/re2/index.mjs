import RE2 from 're2'

console.log('re2:', 'a12b'.replace(new RE2('[0-9]+'), '-'), new RE2('(a+)+$').test('a'.repeat(50) + 'b'))
