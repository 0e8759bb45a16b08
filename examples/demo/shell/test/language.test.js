'use strict'
// sh -c: what npm's scripts, exec() and small scripts use.

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { after, test } = require('node:test')

const { home, sh, env } = require('./sh.js').home(after)
const out = (text, options) => sh(text, options)[1]

test('lists run by how the command before ended', () => {
  assert.deepEqual(sh('echo a; echo b && echo c || echo d'), [0, 'a\nb\nc\n', ''])
  assert.deepEqual(sh('false || echo or; false && echo and; exit 7'), [7, 'or\n', ''])
  assert.deepEqual(sh('! false && echo yes'), [0, 'yes\n', ''])
  assert.deepEqual(sh('node -e "process.exit(5)"; echo $?'), [0, '5\n', ''])
})

test('words are expanded as in sh', () => {
  const text = `X='a  b'; echo $X "$X" '$X' \\$X "\\$X" \${X:-no} \${Y:-no} \${Y-no} \${X:+yes} \${#X}`
  assert.equal(out(text), 'a b a  b $X $X $X a b no no yes 4\n')
  assert.equal(out('x=a.tar.gz; echo ${x%.*} ${x%%.*} ${x#*.} ${x##*.}; echo ${y=set} $y'), 'a.tar gz.tar.gz tar.gz gz\nset set\n'.replace('gz.tar.gz', 'a'))
  assert.equal(out('echo ~ "~" ~/x; echo $((1 + 2 * 3)) $((0x10)) $((5 > 3 ? 7 : 8))'), `${home} ~ ${home}/x\n7 16 7\n`)
  assert.equal(out('echo "[$*]" "$#" "$2"; for w in "$@"; do echo "<$w>"; done', { words: ['a', 'b c'] }), '[a b c] 2 b c\n<a>\n<b c>\n')
  assert.equal(out('set --; echo "$@"x; node -p process.argv.length -- "$@"'), 'x\n1\n')
  assert.equal(out('IFS=:; x=a:b::c; for p in $x; do echo "[$p]"; done'), '[a]\n[b]\n[]\n[c]\n')
  assert.deepEqual(sh('echo ${x:?is needed}; echo no'), [2, '', 'sh: x: is needed\n'])
})

test('patterns are expanded if something matches', () => {
  for (const name of ['one.txt', 'two.txt', '.hidden.txt']) fs.writeFileSync(path.join(home, name), name)
  assert.equal(out('echo *.txt "*.txt" \\*.txt *.none ?ne.t[x-z]t b*n/n*'), 'one.txt two.txt *.txt *.txt *.none one.txt bin/node\n')
  assert.equal(out('case two.txt in one*) echo 1;; *[a-z].txt|x) echo 2;; esac'), '2\n')
})

test('$( ) and ` ` are what a command prints', () => {
  assert.equal(out('echo "$(echo a; echo b)" `echo c`; x=$(exit 3); echo $?'), 'a\nb c\n3\n')
  assert.equal(out('echo $(cd /; pwd) $(echo $(node -p 1+1))'), '/ 2\n')
})

test('pipes join programs and what is built in', () => {
  const node = 'node -e "process.stdin.pipe(process.stdout)"'
  assert.equal(out(`echo a | ${node} | cat | ${node}`), 'a\n')
  assert.equal(out(`node -e "console.log(1); console.error(2)" 2>&1 | ${node}`), '1\n2\n')
  assert.equal(out('node -e "for (let i = 0; i < 1e5; i++) console.log(i)" | head -n 2 | wc -l'), '2\n')
  assert.equal(out(`node -e "for (let i = 0; i < 1e5; i++) console.log(i)" | ${node} | tail -n 1`), '99999\n')
  assert.equal(out('(echo a; node -p 1; echo b) | sort -r'), 'b\na\n1\n')
  assert.equal(out('printf "a b\\nc\\n" | while read x y; do echo "[$x][$y]"; done'), '[a][b]\n[c][]\n')
  assert.deepEqual(sh('true | node -e "process.exit(4)"'), [4, '', ''])
  assert.deepEqual(sh('false | true'), [0, '', ''])
  assert.deepEqual(sh('set -o pipefail; false | true'), [1, '', ''])
  assert.equal(out('x=1; echo 2 | read x; echo $x'), '1\n')
})

test('redirections lead to files and descriptors', () => {
  assert.equal(out('echo a > f; echo b >> f; cat < f; node -p 1 > g; cat g f | wc -l'), 'a\nb\n3\n')
  assert.deepEqual(sh('echo a >&2'), [0, '', 'a\n'])
  assert.deepEqual(sh('node -e "console.error(1)" 2> e; cat e; ls nope > f 2>&1; cat f'), [0, '1\nsh: ls: nope: no such file or directory\n', ''])
  assert.deepEqual(sh('{ echo a; node -p 2; } > f; cat f; if true; then echo b; fi >> f; wc -l f'), [0, 'a\n2\n3 f\n', ''])
  assert.deepEqual(sh('echo a > no/where; echo $?; cat < gone || echo no'), [0, '1\nno\n', 'sh: no/where: no such file or directory\nsh: gone: no such file or directory\n'])
  assert.equal(out('X=1; cat <<E; node -e "process.stdin.pipe(process.stdout)" <<"E"\n$X $(echo 2)\nE\n$X\nE\n'), '1 2\n$X\n')
  assert.deepEqual(sh('exec > f 2>&1; echo in; nope; exec 1>&-'), [0, '', ''])
  assert.equal(fs.readFileSync(path.join(home, 'f'), 'utf8'), 'in\nsh: nope: not found\n')
})

test('variables reach programs if they are exported', () => {
  assert.equal(out('A=1 node -p process.env.A; A=2; node -p process.env.A; export A B=3; node -p "[process.env.A, process.env.B].join()"'), '1\nundefined\n2,3\n')
  assert.equal(out('A=1; A=2 true; echo $A; (A=3); echo $A; { A=4; }; echo $A; unset A; echo ${A-unset}'), '1\n1\n4\nunset\n')
})

test('if, for, while, case and functions', () => {
  assert.equal(out('if [ -d bin ]; then echo d; elif true; then echo e; fi; if false; then :; else echo f; fi'), 'd\nf\n')
  assert.equal(out('i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done'), '1\n3\n')
  assert.equal(out('f() { local x=2; echo "$1 $# $x"; return 3; }; x=1; f a b; echo $? $x'), 'a 2 2\n3 1\n')
})

test('set -e ends at what fails, unless it is tested', () => {
  assert.deepEqual(sh('set -e; if false; then :; fi; false || true; ! true; echo on; false; echo no'), [1, 'on\n', ''])
  assert.deepEqual(sh('set -u; echo $NOPE'), [2, '', 'sh: NOPE: not set\n'])
  assert.deepEqual(sh('set -x; echo a'), [0, 'a\n', '+ echo a\n'])
})

test('a text that the shell cannot run whole does not start', () => {
  assert.deepEqual(sh('echo a; [[ b ]]'), [2, '', 'sh: this small shell has no [[ ]], use [ ]\n'])
  assert.deepEqual(sh('echo a; echo $(trap x EXIT)'), [2, '', 'sh: this small shell has no trap\n'])
  assert.equal(sh('echo a; echo "b')[0], 2)
})

test('programs: not found, not executable, without a first line, with a lost one', () => {
  const file = (name, text, mode) => fs.writeFileSync(path.join(home, name), text, { mode })
  file('plain', 'x', 0o644)
  file('lines', 'echo "$0 $1"; exit 3\n', 0o755)
  file('lost', '#!/no/such\n', 0o755)
  assert.deepEqual(sh('nope'), [127, '', 'sh: nope: not found\n'])
  assert.deepEqual(sh('./plain'), [126, '', 'sh: ./plain: Permission denied\n'])
  assert.deepEqual(sh('./lines a; ./lines b | cat'), [0, `${home}/lines a\n${home}/lines b\n`, ''])
  assert.deepEqual(sh('./lost'), [126, '', 'sh: ./lost: its interpreter, named in its first line, is missing\n'])
  assert.deepEqual(sh('toString'), [127, '', 'sh: toString: not found\n'])
})

test('sh FILE, sh < FILE, eval, source and command -v', () => {
  fs.writeFileSync(path.join(home, 'script.sh'), '#!/bin/sh\n# a comment\nfor i in "$@"; do\n  echo "$i"\ndone\nvar=set\n')
  assert.equal(out('node bin/sh script.sh a b; . ./script.sh; echo $var; eval "echo \\$var"'), 'a\nb\nset\nset\n')
  assert.equal(out(`command -v node ls; command -v nope || echo none; command echo x`), `${home}/bin/node\nls\nnone\nx\n`)
  const { stdout } = spawnSync(process.execPath, [path.join(home, 'bin/sh')], { env, cwd: home, input: 'echo a\nls | head -n 1\n', encoding: 'utf8' })
  assert.equal(stdout, 'a\nbin\n')
})

test('background jobs run beside, wait waits', () => {
  assert.equal(out('node -e "setTimeout(() => console.log(2), 300)" & echo 1; wait; echo 3'), '1\n2\n3\n')
  assert.equal(out('(sleep 0.1; exit 4) & wait $!; echo $?'), '4\n')
})

test('a single program takes the place of the shell', { skip: process.execve === undefined }, () => {
  const parent = `${process.pid}`
  assert.equal(out('node -p process.ppid').trim(), parent)
  assert.equal(out('true; cd / && node -p "process.ppid + process.cwd()"').trim(), `${parent}/`)
  assert.equal(out('exec node -p process.ppid; echo no').trim(), parent)
  assert.notEqual(out('node -p process.ppid; true').trim(), parent)
})

const ends = (text, signal) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(home, 'bin/sh'), '-c', text], { env, cwd: home, detached: true })
    child.stdout.once('data', () => process.kill(signal === 'SIGINT' ? -child.pid : child.pid, signal))
    let text_ = ''
    child.stdout.on('data', (data) => (text_ += data))
    child.on('close', (status, by) => resolve([by ?? status, text_]))
  })

test('a signal for the shell ends its program too', async () => {
  const wait = 'node -e "console.log(1); setTimeout(() => {}, 20000)"'
  assert.deepEqual(await ends(`${wait}; echo no`, 'SIGTERM'), [143, '1\n'])
  assert.deepEqual(await ends(`${wait}; echo no`, 'SIGINT'), ['SIGINT', '1\n'])
  const catches = 'node -e "process.on(\'SIGINT\', () => process.exit(6)); console.log(1); setTimeout(() => {}, 20000)"'
  assert.deepEqual(await ends(`${catches}; echo $?`, 'SIGINT'), [0, '1\n6\n'])
})
