'use strict'
// The shell as a person sees it: on a terminal, which util-linux's script(1) makes.

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { after, test } = require('node:test')
const { stripVTControlCharacters } = require('node:util')

const shell = path.join(__dirname, '..', 'nsh.js')
const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nsh-')))
after(() => fs.rmSync(home, { recursive: true }))
for (const name of ['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'share', 'tmp', 'usr']) fs.mkdirSync(path.join(home, name))
fs.symlinkSync(process.execPath, path.join(home, 'bin/node'))
fs.writeFileSync(path.join(home, 'usr/env'), '')
fs.writeFileSync(path.join(home, '.hidden'), '')
fs.copyFileSync(path.join(__dirname, '../../init'), path.join(home, 'init'))
fs.chmodSync(path.join(home, 'init'), 0o755)
const options = { cwd: home, env: { HOME: home, PATH: `${home}/bin`, TERM: 'linux' } }

/** Types each line when the text before it has appeared; returns what the terminal showed. */
const session = (steps) =>
  new Promise((resolve, reject) => {
    const child = spawn('/usr/bin/script', ['-qec', `${process.execPath} ${shell}`, '/dev/null'], { ...options, env: { ...options.env, SHELL: '/bin/sh' } })
    const late = setTimeout(() => child.kill(), 20_000)
    let seen = ''
    let from = 0
    const type = () => {
      const [wanted, keys] = steps[0] ?? []
      const text = stripVTControlCharacters(seen).replaceAll('\r', '')
      const at = wanted === undefined ? -1 : text.indexOf(wanted, from)
      if (at < 0) return
      from = at + wanted.length
      steps.shift()
      child.stdin.write(keys)
      setImmediate(type)
    }
    child.stdout.on('data', (data) => {
      seen += data
      type()
    })
    child.on('close', (status) => {
      clearTimeout(late)
      const text = stripVTControlCharacters(seen).replaceAll('\r', '')
      if (steps.length > 0) reject(new Error(`never saw ${JSON.stringify(steps[0][0])} in:\n${text}`))
      else resolve({ status, text, seen })
    })
  })

const prompt = `${home} ${process.getuid() === 0 ? '#' : '$'} `

test('the session of the post', async () => {
  const { text, status } = await session([
    [prompt, 'ls\n'],
    ["[ 'bin', 'dev', 'etc', 'init', 'lib', 'lib64', 'proc', 'share', 'tmp', 'usr' ]\n", 'cat init\n'],
    ["\nconsole.log(\"Hello! I'm a user init script :-)\")\n", './init\n'],
    ["Hello! I'm a user init script :-)\n", 'ls usr/\n'],
    ["[ 'env' ]\n", 'cd usr/\n'],
    [`${home}/usr ${prompt.at(-2)} `, 'ls\n'],
    ["[ 'env' ]\n", 'cd\n'],
    [prompt, 'node\n'],
    ['> ', 'process.env.PATH\n'],
    [`'${home}/bin'\n`, '.exit\n'],
    [prompt, 'exit 3\n']
  ])
  assert.equal(status, 3, text)
})

test('Ctrl-C ends the program and not the shell, Ctrl-D ends the shell', async () => {
  const { text, status } = await session([
    [prompt, "node -e \"setInterval(() => {}, 1000); console.log('ticking')\"\n"],
    ['ticking\n', '\x03'],
    [prompt, 'cat /dev/zero\n'],
    ['\0', '\x03'],
    [prompt, 'half a line\x03'],
    [prompt, 'echo still here\n'],
    ['\nstill here\n', 'true || echo'],
    ['echo', '\x03'],
    [prompt, '\x04']
  ])
  assert.equal(status, 130, text)
})

test('Tab completes programs and paths', async () => {
  await session([
    [prompt, 'hel'],
    ['hel', '\t'],
    ['p', '\n'],
    ['Built in:\n', 'ls sha'],
    ['ls sha', '\t'],
    ['re/', '\n'],
    ['[]\n', 'exit\n']
  ])
})

test('lines that come at once run one after the other', async () => {
  const lines = "node -e \"setTimeout(() => console.log('first'), 300)\"\necho second\nexit 0\n"
  const { text } = await session([[prompt, lines]])
  assert.ok(text.indexOf('\nfirst\n') < text.indexOf('\nsecond\n'), text)
  assert.ok(text.includes('\nfirst\n'), text)
})

test('a command goes on in the next line until it is complete', async () => {
  await session([
    [prompt, 'for i in 1 2; do\n'],
    ['> ', 'echo "turn $i\n'],
    ['> ', 'end"; done\n'],
    ['turn 1\nend\nturn 2\nend\n', 'if true\n'],
    ['> ', '\x03'],
    [prompt, 'exit\n']
  ])
})

test('pipes and redirections keep the shell at the prompt', async () => {
  await session([
    [prompt, 'ls | head -n 2\n'],
    ['bin\ndev\n', 'ls > list && wc -l < list\n'],
    ['11\n', 'rm list; echo sleeps; sleep 30 | cat\n'],
    // what the command prints, not the echo of the line: the terminal is the command's only then
    ['\nsleeps\n', '\x03'],
    [prompt, 'echo reads; cat | head -n 1\n'],
    ['\nreads\n', 'typed\n'],
    ['typed\ntyped\n', '\x03'],
    [prompt, 'echo turns; while true; do :; done\n'],
    ['\nturns\n', '\x03'],
    [prompt, 'exit 0\n']
  ])
})

test('names that others chose do not act on the terminal', async () => {
  const evil = (name) => `${name}\x1b]0;evil\x07\x9b31m`
  const odd = path.join(home, 'odd')
  fs.mkdirSync(path.join(odd, evil('folder')), { recursive: true })
  fs.mkdirSync(path.join(odd, 'fonly'))
  fs.symlinkSync(evil('target'), path.join(odd, evil('link')))
  fs.writeFileSync(path.join(odd, evil('file')), 'x\n')
  const { seen } = await session([
    [prompt, 'ls -l odd\n'],
    [' file?]0;evil??31m\n', ''],
    [' folder?]0;evil??31m\n', ''],
    [' link?]0;evil??31m -> target?]0;evil??31m\n', 'ls -1R odd; ls -d odd/*\n'],
    ['odd/folder?]0;evil??31m:\n', ''],
    ['\nodd/file?]0;evil??31m\n', 'ls odd\n'],
    ["'file\\x1B]0;evil\\x07\\x9B31m'", 'wc odd/f*; grep -r x odd; rm odd/f*/gone; cat odd/l*\n'],
    [' odd/file?]0;evil??31m\n', ''],
    ['odd/file?]0;evil??31m:x\n', ''],
    ['link?]0;evil??31m: no such', 'node -e "setTimeout(() => {}, 9000)" odd/l* & ps -o args -p $!; kill $!; wait\n'],
    ['9000) odd/link?]0;evil??31m\n', ''],
    ['ended by SIGTERM\n', ''],
    [prompt, 'cd odd/fo'],
    ['odd/fo', '\t'],
    ['nly/', '\n'],
    [`odd/fonly ${prompt.at(-2)} `, 'cd ../folder*\n'],
    [`folder?]0;evil??31m ${prompt.at(-2)} `, 'exit\n']
  ])
  assert.ok(!/\x1b\]0;evil|\x9b31m/.test(seen), seen)
  fs.rmSync(odd, { recursive: true })
})

test('less shows a page at a time, and a program after it has the terminal', async () => {
  const lines = Array.from({ length: 100 }, (_, at) => `line ${at}`).join('\n')
  fs.writeFileSync(path.join(home, 'long'), `${lines}\n`)
  await session([
    [prompt, 'less long\n'],
    ['line 0\n', ' '],
    ['line 23\n', 'G'],
    ['line 99\n', 'q'],
    [prompt, 'node -p process.stdin.isTTY\n'],
    ['true\n', 'rm long; exit\n']
  ])
})

test('passwd asks without showing what is typed', { skip: require('node:crypto').argon2Sync === undefined }, async () => {
  const { text } = await session([
    [prompt, 'passwd\n'],
    ['new password: ', 'gehem\x7fim\r'],
    ['the same again: ', 'geheim\r'],
    ['the password is changed\n', 'passwd\n'],
    ['current password: ', 'geheim\n'],
    ['new password: ', '\x03'],
    ['nothing was changed\n', 'rm -r etc/logon.json; exit\n']
  ])
  assert.ok(!text.includes('gehe'), text)
})
