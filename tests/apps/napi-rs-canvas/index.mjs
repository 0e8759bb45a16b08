import { createCanvas } from '@napi-rs/canvas'

const canvas = createCanvas(8, 8)
const context = canvas.getContext('2d')
context.fillStyle = '#ff0000'
context.fillRect(0, 0, 8, 8)
const png = (await canvas.encode('png')).subarray(1, 4).toString()
console.log('@napi-rs/canvas:', png, context.getImageData(1, 1, 1, 1).data.join(' '))
