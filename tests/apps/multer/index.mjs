import fs from 'node:fs'
import express from 'express'
import multer from 'multer'

const app = express()
app.post('/', multer({ dest: '/uploads' }).single('file'), ({ file, body }, response) => {
  response.send(`${file.originalname} ${fs.readFileSync(file.path, 'utf8')} ${body.by}`)
})
const server = app.listen(8000, async () => {
  const body = new FormData()
  body.append('by', 'ana')
  body.append('file', new Blob(['text']), 'a.txt')
  console.log('multer:', await (await fetch('http://127.0.0.1:8000/', { method: 'POST', body })).text())
  server.close()
})
