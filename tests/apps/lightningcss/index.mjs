import { transform } from 'lightningcss'

const { code } = transform({ filename: 'a.css', code: Buffer.from('a { color: rgb(255, 0, 0); }'), minify: true })
console.log('lightningcss:', code.toString())
