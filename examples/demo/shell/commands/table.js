'use strict'
// What the shell does itself: a machine that has only node has no /bin/ls. A row says where a command is, what it
// takes, and what it does; `help` prints it. `screen`: it takes the terminal for itself. `last`: a program of that name
// comes first, so that an app's own `log` or `status` still runs.

const row = (file, takes, does, { screen = false, last = false } = {}) => ({ file, takes, does, screen, last })

const commands = {
  cat: row('text', '[FILE…]', 'prints files, or its input'),
  grep: row('grep', '[-EFchilnoqrvwx] PATTERN [FILE…]', 'prints lines that match'),
  head: row('text', '[-n LINES] [-c BYTES] [FILE…]', 'prints the first lines'),
  less: row('less', '[FILE]', 'shows a text page by page: space, b, j, k, g, G, q', { screen: true }),
  sed: row('sed', '[-nE] [-e] s/PATTERN/TEXT/[gip] [FILE…]', 'replaces text in lines'),
  sort: row('text', '[-nru] [FILE…]', 'sorts lines'),
  tail: row('text', '[-f] [-n LINES] [FILE…]', 'prints the last lines; -f waits for more'),
  tee: row('text', '[-a] [FILE…]', 'copies its input to files and on'),
  wc: row('text', '[-lwc] [FILE…]', 'counts lines, words and bytes'),

  chmod: row('files', 'MODE FILE…', 'sets permissions, as in 755 or u+x'),
  cp: row('files', '[-rpfn] FROM… TO', 'copies'),
  ln: row('files', '[-sf] TARGET [LINK]', 'makes a link'),
  ls: row('ls', '[-1adhlR] [PATH…]', 'lists folders'),
  mkdir: row('files', '[-p] FOLDER…', 'makes folders'),
  mktemp: row('files', '[-d] [NAME.XXXXXX]', 'makes a file or folder with a new name'),
  mv: row('files', '[-fn] FROM… TO', 'moves, renames'),
  rm: row('files', '[-rf] PATH…', 'removes'),
  rmdir: row('files', 'FOLDER…', 'removes empty folders'),
  touch: row('files', '[-c] FILE…', 'makes files, or sets their time to now'),

  basename: row('names', 'PATH [ENDING]', 'prints the last part of a path'),
  dirname: row('names', 'PATH', 'prints a path without its last part'),
  readlink: row('names', '[-f] PATH', 'prints what a link leads to'),
  realpath: row('names', 'PATH', 'prints a path without links'),
  which: row('names', 'NAME…', 'prints where programs are'),

  clear: row('system', '', 'empties the screen'),
  date: row('date', '[-u] [-d DATE] [+FORMAT]', 'prints the time'),
  df: row('system', '[-h] [PATH…]', 'shows the space of filesystems'),
  dmesg: row('machine', '[-f]', 'prints the kernel\'s messages; -f waits for more', { last: true }),
  free: row('system', '[-hm]', 'shows the memory of the machine'),
  hostname: row('system', '', 'prints the name of the machine'),
  id: row('system', '[-gnu]', 'prints who you are, in numbers and names'),
  ip: row('machine', '', 'shows the addresses of the machine', { last: true }),
  kill: row('processes', '[-SIGNAL] PID…', 'sends a signal; kill -l lists them'),
  log: row('machine', '[-f] [USER]', 'prints what your init has printed; -f waits for more', { last: true }),
  machine: row('settings', '[KEY VALUE…]', 'for root: the name, address… of the machine', { last: true }),
  passwd: row('passwd', '[USER]', 'changes your password; for root, that of a user', { screen: true }),
  poweroff: row('machine', '', 'stops the machine', { last: true }),
  ps: row('ps', '[-o COLUMNS] [-p PID] [--ppid PID] [--no-headers]', 'lists your processes'),
  reboot: row('machine', '', 'restarts the machine', { last: true }),
  restart: row('machine', '[USER]', 'starts your init anew; for root, that of a user', { last: true }),
  sleep: row('processes', 'SECONDS', 'waits'),
  status: row('machine', '', 'shows the state of the machine', { last: true }),
  uname: row('system', '[-amnrs]', 'names the system'),
  useradd: row('useradd', '[OPTIONS] NAME', 'for root: makes a user, who may log on at once', { screen: true, last: true }),
  userdel: row('userdel', '[-y] NAME', 'for root: stops a user, and removes all its files', { screen: true, last: true }),
  users: row('users', '', 'for root: lists the users', { last: true }),
  whoami: row('system', '', 'prints your name'),

  '.': row('language', 'FILE', 'runs the commands of a file'),
  ':': row('language', '', 'does nothing'),
  '[': row('test', 'EXPRESSION ]', 'compares texts, numbers and files'),
  break: row('language', '[LEVELS]', 'leaves a loop'),
  cd: row('language', '[FOLDER | -]', 'goes to a folder; without one, home'),
  command: row('language', '[-v] NAME [WORDS]', 'runs a command; -v says where it is'),
  continue: row('language', '[LEVELS]', 'goes on with the next turn of a loop'),
  echo: row('language', '[-ne] WORDS', 'prints words'),
  eval: row('language', 'WORDS', 'runs words as a command'),
  exec: row('language', 'PROGRAM [WORDS]', 'puts a program in the place of the shell'),
  exit: row('language', '[STATUS]', 'ends the shell'),
  export: row('language', 'NAME[=VALUE]…', 'gives variables to programs'),
  false: row('language', '', 'fails'),
  help: row('help', '[NAME]', 'prints this'),
  local: row('language', 'NAME[=VALUE]…', 'makes variables of a function'),
  printf: row('printf', 'FORMAT [WORDS]', 'prints words in a format'),
  pwd: row('language', '', 'prints the current folder'),
  read: row('language', '[-r] [-p TEXT] NAME…', 'reads a line into variables'),
  return: row('language', '[STATUS]', 'leaves a function'),
  set: row('language', '[-efux] [-o pipefail] [--] [WORDS]', 'sets options and $1, $2…'),
  shift: row('language', '[NUMBER]', 'drops the first of $1, $2…'),
  source: row('language', 'FILE', 'runs the commands of a file'),
  test: row('test', 'EXPRESSION', 'compares texts, numbers and files'),
  true: row('language', '', 'succeeds'),
  type: row('language', 'NAME…', 'says what a command is'),
  umask: row('language', '[MODE]', 'sets which permissions new files lack'),
  unset: row('language', 'NAME…', 'removes variables'),
  wait: row('language', '', 'waits for what runs in the background')
}

/** The function that does a command; `undefined` if it is none of these. */
const find = (name) => {
  if (!Object.hasOwn(commands, name)) return undefined
  return require(`./${commands[name].file}.js`)[name]
}

module.exports = { commands, find }
