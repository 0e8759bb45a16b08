import { spawn } from 'node-pty'

const terminal = spawn('node', ['-p', 'process.stdout.isTTY + " " + process.stdout.columns'], { cols: 91 })
let text = ''
terminal.onData((data) => { text += data })
terminal.onExit(({ exitCode }) => console.log('node-pty:', text.trim(), exitCode))
