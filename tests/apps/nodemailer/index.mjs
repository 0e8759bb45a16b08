import nodemailer from 'nodemailer'

const transport = nodemailer.createTransport({ jsonTransport: true })
const { message } = await transport.sendMail({ from: 'ana@a.example', to: 'bo@b.example', subject: 'hello' })
const { from, to, subject } = JSON.parse(message)
console.log('nodemailer:', from.address, to[0].address, subject)
