import sharp from 'sharp'

const red = { create: { width: 16, height: 16, channels: 3, background: 'red' } }
const png = await sharp(red).resize(8, 8).png().toBuffer()
const { width, height, format } = await sharp(png).metadata()
console.log(`sharp: ${width}x${height} ${format}`)
