'use strict'
const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { after, test } = require('node:test')
const { commands, find } = require('../commands/table.js')
const { Shell } = require('../shell.js')

const { env, home, sh } = require('./sh.js').home(after)
const out = (text, options) => sh(text, options)[1]

test('each row has its command, and help names each', () => {
  const help = out('help')
  for (const name of Object.keys(commands)) {
    assert.equal(typeof find(name), 'function', name)
    assert.ok(help.includes(`\n${name} `), name)
  }
  assert.match(out('help ls'), /^ls \[-1adhlR\]/)
})

test('files are made, copied, moved and removed', () => {
  assert.deepEqual(sh('mkdir -p a/b c && touch a/b/x && cp -r a d && mv d/b/x d/y && cp d/y c && ls d c && rm -r a d && rm c/y && rmdir c && ls'), [0, 'd:\nb\ny\nc:\ny\nbin\n', ''])
  // a variable that is not set is never the current folder
  assert.deepEqual(sh('mkdir k && touch k/f && cd k && rm -rf "$NONE"; mv "" x; cp -r "" x; cd .. && ls k; rm -r k').slice(0, 2), [0, 'f\n'])
  assert.equal(out('mkdir s d2 && touch s/f && cp -r s/. d2 && ls d2; cp s/f new/ || echo refused; rm -r s d2'), 'f\nrefused\n')
  // links below a folder lead to what others chose
  assert.equal(out('mkdir o h && touch o/f h/g && chmod 600 o/f && ln -s ../o h/l && chmod -R 755 h && ls -l o/f; rm -r o h').replace(/ .*/s, ''), '-rw-------')
  assert.deepEqual(sh('rm gone'), [1, '', `sh: rm: ${home}/gone: no such file or directory\n`])
  assert.deepEqual(sh('rm -f gone; mkdir d; rm d; cp d e; rm -rf /; rmdir d'), [0, '', 'sh: rm: d: it is a folder: rm -r removes it\nsh: cp: d: it is a folder: cp -r copies it\nsh: rm: / stays: name what is to be removed in it\n'])
  assert.deepEqual(sh('ls -q'), [2, '', 'sh: ls: it has no option -q here\n'])
  assert.equal(out('ln -s one link; readlink link; rm link; touch f; chmod 640 f; chmod u+x,g-r f; ls -l f').replace(/ .*/s, ''), 'one\n-rwx------')
  assert.equal(out('basename /a/b.js .js; dirname /a/b.js /x; f=$(mktemp -p .); [ -f $f ] && echo made; rm f $f'), 'b\n/a\n/\nmade\n')
})

/** Puts a link to `target` in the place of `victim` as soon as a command has looked at that. */
const swap = (t, victim, target) => {
  const { ino } = fs.lstatSync(victim)
  let swapped = 0
  for (const name of ['lstatSync', 'statSync', 'fstatSync']) {
    const real = fs[name]
    t.mock.method(fs, name, (...args) => {
      const found = real(...args)
      if (found?.ino === ino && swapped++ === 0) {
        fs.renameSync(victim, path.join(home, 'swapped'))
        fs.symlinkSync(target, victim)
      }
      return found
    })
  }
  return () => assert.ok(swapped > 0)
}
/** Runs a command in this process. */
const here = (name, ...args) => find(name)(args, { shell: new Shell({ name: 'sh', cwd: home, env: {} }), say: assert.fail })

test('chmod -R sets what it has looked at, and not where a link leads that comes meanwhile', async (t) => {
  for (const victim of ['theirs/file', 'theirs/folder', 'theirs']) {
    assert.deepEqual(sh('mkdir -p own theirs/folder && touch own/file theirs/file theirs/folder/file && chmod 600 own/file && chmod 700 own'), [0, '', ''])
    const swapped = swap(t, path.join(home, victim), path.join(home, victim.endsWith('file') ? 'own/file' : 'own'))
    assert.equal(await here('chmod', '-R', '777', 'theirs'), 0)
    swapped()
    t.mock.restoreAll()
    const mode = (name) => (fs.statSync(path.join(home, name)).mode & 0o777).toString(8)
    assert.deepEqual([mode('own'), mode('own/file'), mode('swapped')], ['700', '600', '777'], victim)
    assert.deepEqual(sh('rm -rf own theirs swapped'), [0, '', ''])
  }
})

test('chmod -R needs no right to read a file, and takes a link that it is given', () => {
  const listed = "ls -l a a/b | sed -n 's/^\\([-dlp]\\S*\\).*/\\1/p'"
  assert.deepEqual(sh(`mkdir -p a/b && touch a/b/f && ln -s f a/b/l && chmod 0 a/b/f && chmod -R u+rwX,go= a && ${listed}`), [0, 'drwx------\n-rw-------\nlrwxrwxrwx\n', ''])
  assert.deepEqual(sh(`ln -s a c && chmod -R 755 c && ${listed}; ls -ld a | sed 's/ .*//'; rm -r a c`), [0, 'drwx------\n-rw-------\nlrwxrwxrwx\ndrwxr-xr-x\n', ''])
  assert.deepEqual(sh('chmod -R 755 gone'), [1, '', `sh: chmod: ${home}/gone: no such file or directory\n`])
})

test('ls prints plain names where nobody looks', () => {
  fs.writeFileSync(path.join(home, '.dot'), '')
  fs.writeFileSync(path.join(home, 'file'), 'abc')
  assert.equal(out('ls; ls -a; ls -1 bin; ls file'), 'bin\nfile\n.dot\nbin\nfile\nnode\nps\nsh\nfile\n')
  const long = out('ls -la')
  assert.match(long, /^drwx.* \.\ndrwx.* \.\.\n-rw.* \.dot\ndrwx.* bin\n-rw-r--r-- +1 .* 3 \w{3} [ \d]\d \d\d:\d\d file\n$/)
  assert.match(out('ls -l bin/sh'), /^lrwxrwxrwx .* bin\/sh -> \//)
  // programs get names as they are
  assert.equal(out('mkdir o && touch "$1" && ls o; ls -l o | sed "s/.* //"; rm -r o', { words: ['o/\x1b[31m'] }), '\x1b[31m\n\x1b[31m\n')
  assert.deepEqual(sh('ls gone file'), [1, 'file\n', 'sh: ls: gone: no such file or directory\n'])
})

test('text is read from files and from the input', () => {
  const input = 'one 1\ntwo 2\nthree 3\n'
  fs.writeFileSync(path.join(home, 'text'), input)
  assert.equal(out('head -n 1 text; tail -n 1 text; tail -n +3 text; head -c 3 text; tail -2 text | head -1', {}), 'one 1\nthree 3\nthree 3\nonetwo 2\n')
  assert.equal(out('cat - text | wc; wc -l text; wc -c < text', { input: 'x\n' }), '      4       7      22\n3 text\n20\n'.replace('text\n20', 'text\n20'))
  assert.equal(out('sort text; sort -r text | head -1; echo x | tee copy; cat copy; rm copy'), 'one 1\nthree 3\ntwo 2\ntwo 2\nx\nx\n')
  assert.deepEqual(sh('cat gone text'), [1, input, 'sh: cat: gone: no such file or directory\n'])
})

test('grep finds lines', () => {
  assert.equal(out('grep t text; grep -c o text; grep -n "^t.*3$" text; grep -v t text; grep -io TWO text'), 'two 2\nthree 3\n2\n3:three 3\none 1\ntwo\n')
  assert.equal(out(`grep -E 'one|two' text; grep 'one\\|x' text; grep -F '.' text; grep -w 'o' text; grep '[[:digit:]]' text | wc -l`), 'one 1\ntwo 2\none 1\n3\n')
  assert.deepEqual(sh('grep nope text'), [1, '', ''])
  assert.deepEqual(sh('grep -q one text'), [0, '', ''])
  assert.deepEqual(sh('grep x gone'), [2, '', 'sh: grep: gone: no such file or directory\n'])
  assert.equal(out('grep -rl one .'), 'text\n')
})

test('sed replaces text', () => {
  assert.equal(out(`sed 's/o/0/g' text; sed -n 's/one/x/p' text; sed -E 's/(\\w+) (.)/\\2 &/' text | head -1`), '0ne 1\ntw0 2\nthree 3\nx 1\n1 one 1\n')
  assert.equal(out(`echo 'a\\b' | sed -e 's,\\\\,/,g' -e 's/a\\(.\\)/[\\1]/'`), '[/]b\n')
  assert.deepEqual(sh('sed 1d text'), [2, '', 'sh: sed: 1d: only s/…/…/ with g, i and p is here\n'])
})

test('a launcher of pnpm starts its program', () => {
  fs.mkdirSync(path.join(home, 'node_modules/.bin'), { recursive: true })
  fs.writeFileSync(path.join(home, 'node_modules/tool.js'), "console.log('tool', process.argv.slice(2).join())")
  const launcher = String.raw`#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\,/,g')")

case ${'`uname`'} in
    *CYGWIN*|*MINGW*|*MSYS*)
        if command -v cygpath > /dev/null 2>&1; then
            basedir=${'`cygpath -w "$basedir"`'}
        fi
    ;;
esac

if [ -z "$NODE_PATH" ]; then
  export NODE_PATH="/x/node_modules"
else
  export NODE_PATH="/x/node_modules:$NODE_PATH"
fi
if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/../tool.js" "$@"
else
  exec node  "$basedir/../tool.js" "$@"
fi
`
  fs.writeFileSync(path.join(home, 'node_modules/.bin/tool'), launcher)
  assert.deepEqual(sh('node bin/sh node_modules/.bin/tool a "b c"'), [0, 'tool a,b c\n', ''])
})

test('test compares as POSIX says', () => {
  const yes = ['a', '! ""', 'a = a', 'a != b', '1 -lt 2', '-f text', '-d bin -a ! -f bin', '-z "" -o x = y', '-n "("', '! = !', '\\( a = a \\)', '-x bin/sh', '-h bin/sh']
  const no = ['', '""', '-f gone', '-d text', '2 -le 1', '! a']
  for (const expression of yes) assert.equal(sh(`test ${expression}`)[0], 0, expression)
  for (const expression of no) assert.equal(sh(`[ ${expression} ]`)[0], 1, expression)
  assert.deepEqual(sh('[ 1 -eq x ]'), [2, '', 'sh: [: x: not a number\n'])
})

test('printf, echo, read, date', () => {
  assert.equal(out(`printf '%s=%d\\n' a 1 b 2; printf '%5s|%-3s|%03d|%x|%%\\n' a b 7 255; printf 'a\\tb'`), 'a=1\nb=2\n    a|b  |007|ff|%\na\tb')
  assert.equal(out(`echo -n a; echo -e 'b\\nc'; echo 'd\\n'`), 'ab\nc\nd\\n\n')
  assert.equal(out('read -r a b; echo "$a|$b"; cat', { input: 'x y z\nrest\n' }), 'x|y z\nrest\n')
  assert.equal(out("date -u -d @0 '+%Y-%m-%d %H:%M:%S %a %j'; TZ=UTC date -d @0"), '1970-01-01 00:00:00 Thu 001\nThu Jan  1 00:00:00 UTC 1970\n')
})

test('ps lists children for programs that start it', () => {
  const text = `const { spawn, spawnSync } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'])
    const ps = (...args) => spawnSync(process.execPath, ['bin/ps', ...args], { encoding: 'utf8' })
    const { stdout } = ps('-o', 'pid', '--no-headers', '--ppid', process.pid)
    console.log(stdout.includes(child.pid), ps('-o', 'pid', '--no-headers', '--ppid', child.pid).status)
    console.log(ps('-o', 'ppid=,pid', '-p', child.pid).stdout.trim().split(/\\s+/).join() === ['PPID', 'PID', process.pid, child.pid].join())
    console.log(ps('-o', 'nope').stderr.trim())
    child.kill()`
  fs.writeFileSync(path.join(home, 'family.js'), text)
  assert.equal(out('node family.js'), 'true 1\ntrue\nps: it has no column nope here\n')
})

test('the machine and its processes', () => {
  assert.equal(out('whoami; id -u; uname -s; hostname'), `${os.userInfo().username}\n${process.getuid()}\n${os.type()}\n${os.hostname()}\n`)
  assert.match(out('id'), /^uid=\d+\(\w+\) gid=\d+\(\w+\) groups=/)
  assert.match(out('df -h /; free -m'), /Use% Path\n.*% \/\n +total +used +free\nMem: +\d+/)
  assert.match(out('ps'), /^USER +PID STAT +MEMORY +TIME COMMAND\n[^]*nsh|sh -c/)
  assert.deepEqual(sh('node -e "setTimeout(() => {}, 20000)" & kill -9 $!; wait $!; echo $?; kill 0x; kill -l | head -1').slice(1), ['137\n1 HUP\n', 'sh: node: ended by SIGKILL\nsh: kill: 0x: not the number of a process\n'])
})

test('the door is asked, and its refusals are said', async () => {
  const socket = path.join(home, 'door')
  const asked = []
  const state = { name: 'here', nodeos: '1', kernel: '6', uptime: 7, time: 'T', synchronized: false, time_source: 'saved time', memory: { total: 2 << 20, available: 1 << 20 }, addresses: [], users: [{ name: 'ana', uid: 1000, processes: 3, memory: 1 << 20, restarts: 12 }] }
  const server = http.createServer((request, answer) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.url === '/log?user=eva') return answer.writeHead(403).end('{"error": "only root"}')
    answer.end(request.url === '/status' ? JSON.stringify(state) : request.url.startsWith('/log') ? 'T hello\n' : '{}')
  }).listen(socket)
  await once(server, 'listening')
  // beside this process, which serves
  const ask = (text) => new Promise((resolve) => {
    const args = [path.join(home, 'bin/sh'), '-c', text]
    execFile(process.execPath, args, { cwd: home, env: { ...env, MACHINE_SOCKET: socket } }, (error, out, said) => resolve([error?.code ?? 0, out, said]))
  })
  assert.deepEqual(await ask('log; reboot; poweroff'), [0, 'T hello\n', ''])
  assert.deepEqual(await ask('log -f; dmesg'), [0, 'T hello\nT hello\n', ''])
  assert.deepEqual(await ask('log eva'), [1, '', 'sh: log: eva: only root\n'])
  const [status, shown] = await ask('status')
  assert.equal(status, 0)
  assert.match(shown, /^here: NodeOS 1, Linux 6\nup 7 s; T \(saved time\), which no time server has confirmed\nmemory: 2.0M, 1.0M available\naddresses: none\nuser .*\nana +1000 +3 +1.0M +12\n$/)
  Object.assign(state, { synchronized: true, time_source: 'time.example', addresses: [{ card: 'eth0', address: '10.0.2.15/24' }, { card: 'eth0', address: 'fd00::5/64' }] })
  assert.match((await ask('status'))[1], /\nup 7 s; T \(time.example\)\n.*\naddresses: eth0 10.0.2.15\/24, eth0 fd00::5\/64\n/)
  assert.deepEqual(asked, ['GET /log?', 'POST /reboot', 'POST /poweroff', 'GET /log?follow=1', 'GET /log?kernel=1', 'GET /log?user=eva', 'GET /status', 'GET /status'])
  fs.writeFileSync(path.join(home, 'bin/log'), '#!/bin/sh\necho mine\n', { mode: 0o755 })
  assert.deepEqual(await ask('log; rm bin/log'), [0, 'mine\n', ''])
  server.close()
  assert.deepEqual(await ask('reboot'), [1, '', 'sh: reboot: this machine has no door\n'])
})
