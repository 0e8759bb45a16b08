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
      else resolve({ status, text })
    })
  })

const prompt = `${home} # `

test('the session of the post', async () => {
  const { text, status } = await session([
    [prompt, 'ls\n'],
    ["[ 'bin', 'dev', 'etc', 'init', 'lib', 'lib64', 'proc', 'share', 'tmp', 'usr' ]\n", 'cat init\n'],
    ["\nconsole.log(\"Hello! I'm a user init script :-)\")\n", './init\n'],
    ["Hello! I'm a user init script :-)\n", 'ls usr/\n'],
    ["[ 'env' ]\n", 'cd usr/\n'],
    [`${home}/usr # `, 'ls\n'],
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
    ['Built in: ls, cd,', 'ls sha'],
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

test('nsh -c runs a line and ends as it ended', () => {
  const run = (line) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [shell, '-c', line], { ...options, encoding: 'utf8' })
    return [status, stdout + stderr]
  }
  assert.deepEqual(run('echo a; echo b && echo c || echo d'), [0, 'a\nb\nc\n'])
  assert.deepEqual(run('node -e "process.exit(7)"'), [7, ''])
  assert.deepEqual(run('ls; ls -a usr'), [
    0,
    "[ 'bin', 'dev', 'etc', 'init', 'lib', 'lib64', 'proc', 'share', 'tmp', 'usr' ]\n[ 'env' ]\n"
  ])
  assert.match(run('ls -a')[1], /^\[ '.hidden',/)
  assert.deepEqual(run('nope'), [127, 'nsh: nope: not found\n'])
  assert.deepEqual(run('./usr/env'), [126, 'nsh: ./usr/env: EACCES\n'])
  assert.deepEqual(run('cd /nope'), [1, 'nsh: cd: ENOENT /nope\n'])
  assert.deepEqual(run('cat gone'), [1, 'nsh: cat: ENOENT gone\n'])
  assert.deepEqual(run('toString'), [127, 'nsh: toString: not found\n'])
})
