'use strict'
// Runs commands: lists, pipes, redirections, if, for, while, case, functions.
//
// A pipe between two programs is one of the kernel's: nothing is copied. Whatever the shell does itself has a stream.

const fs = require('node:fs')
const { PassThrough } = require('node:stream')
const { commands, find: builtinOf } = require('./commands/table.js')
const { Closed, Descriptor, Stream, told } = require('./ends.js')
const { Expander } = require('./expand.js')
const { matches } = require('./glob.js')
const { pipe } = require('./pipe.js')
const { become, find, start } = require('./program.js')
const { reason } = require('./reason.js')
const redirect = require('./redirect.js')
const { Failure, Leave } = require('./shell.js')

/** `NAME=VALUE` as an argument, as in `export NAME=VALUE`, is a word too. */
const asWord = (word) => {
  if (word.type !== 'Assignment') return word
  const name = { type: 'SingleQuoted', value: `${word.name}=`, text: `${word.name}=` }
  const { value } = word
  const parts = value?.parts ?? [{ type: 'SingleQuoted', value: value?.value ?? '', text: value?.text ?? '' }]
  // the value of an assignment is one word, as if it were in double quotes
  return { type: 'Word', text: word.text, value: '', parts: [name, { type: 'DoubleQuoted', text: value?.text ?? '', parts }] }
}

class Runner {
  /**
   * @param {import('./shell.js').Shell} shell
   * @param {Array<Descriptor|Stream>} io what each descriptor leads to
   * @param {AbortSignal} [signal] Ctrl-C, for what the shell does itself
   */
  constructor(shell, io, signal) {
    Object.assign(this, { shell, io, signal })
    this.expander = new Expander(shell, (script) => this.capture(script))
    /** Prints to the output; complains. Commands take them as they are. */
    this.out = (text) => io[1].write(text)
    this.say = (text) => io[2].write(`${shell.name}: ${told(io[2], text)}\n`).catch(() => {})
  }

  with(io, shell = this.shell) {
    const other = new Runner(shell, io, this.signal)
    other.tested = this.tested
    return other
  }

  /** What a script prints. It is a subshell. */
  async capture(script) {
    const chunks = []
    const stream = new PassThrough()
    stream.on('data', (chunk) => chunks.push(chunk))
    const shell = this.shell.clone()
    const end = new Promise((done) => stream.on('close', done))
    this.shell.substituted = await this.with([this.io[0], new Stream(stream), ...this.io.slice(2)], shell).subshell(script.commands)
    stream.end()
    await end
    return Buffer.concat(chunks).toString()
  }

  /** Runs statements as a shell of their own would. */
  async subshell(statements) {
    const { shell } = this
    try {
      await this.list(statements)
    } catch (error) {
      shell.status = await this.ended(error)
    }
    return shell.status
  }

  /** The status of a shell that an error ends. */
  async ended(error) {
    if (error instanceof Leave) return error.status ?? this.shell.status
    if (error instanceof Closed) return 128 + 13
    await this.say(reason(error))
    return error.status ?? 2
  }

  async list(statements, tail = false) {
    for (const [index, { command, background }] of statements.entries()) {
      if (background) await this.background(command)
      else this.shell.status = await this.node(command, tail && index === statements.length - 1)
      if (this.signal?.aborted || this.shell.shared.interrupted) throw new Leave('interrupt', 130)
    }
    return this.shell.status
  }

  async background(command) {
    const { jobs, shared } = this.shell
    const shell = this.shell.clone()
    const nothing = new Descriptor(fs.openSync('/dev/null'), true)
    const runner = this.with([nothing, ...this.io.slice(1)], shell)
    let id
    const run = command.type === 'Command' ? runner.simple(command, false, (pid) => (id = pid)) : runner.node(command, false)
    const job = run.catch((error) => runner.ended(error)).finally(() => {
      shared.inner.delete(job)
      return nothing.close()
    })
    await new Promise(setImmediate) // a program has started by now
    if (id === undefined) shared.inner.add(job)
    this.shell.lastJob = `${id ?? `0${shared.inner.size}`}`
    jobs.set(this.shell.lastJob, job)
    this.shell.status = 0
  }

  /** Runs one command and returns its status. `tail`: nothing comes after it. */
  async node(node, tail) {
    switch (node.type) {
      case 'Command': return this.checked(await this.simple(node, tail))
      case 'Pipeline': return this.pipeline(node)
      case 'AndOr': return this.andOr(node, tail)
      case 'Subshell': return this.checked(await this.with(this.io, this.shell.clone()).subshell(node.body.commands))
      case 'BraceGroup': return this.list(node.body.commands, tail)
      case 'If': return this.if_(node)
      case 'For': return this.for_(node)
      case 'While': return this.loop(async () => ((await this.test(node.clause)) === 0) === (node.kind === 'while'), node.body)
      case 'Case': return this.case_(node)
      case 'Function': return this.shell.functions.set(node.name.value, node.body) && 0
      case 'Redirected': {
        const redirects = await redirect.expand(node.redirects, this.expander)
        return this.opened({ redirects }, (runner) => runner.node(node.command, false))
      }
      default: throw new SyntaxError(`this small shell has no ${node.type}`)
    }
  }

  /** `set -e` ends the shell if a command fails that nobody tests. */
  checked(status) {
    if (status !== 0 && this.shell.options.e && !this.tested) throw new Leave('exit', status)
    return status
  }

  /** Runs what is tested: `set -e` does not count. */
  async test(list) {
    const { tested } = this
    this.tested = true
    try {
      return await this.list(list.commands)
    } finally {
      this.tested = tested
    }
  }

  async andOr({ commands, operators }, tail) {
    let status = 0
    for (const [index, command] of commands.entries()) {
      const operator = operators[index - 1]
      if ((operator === '&&' && status !== 0) || (operator === '||' && status === 0)) continue
      const last = index === commands.length - 1
      status = last ? await this.node(command, tail) : await this.test({ commands: [{ command }] })
      this.shell.status = status
    }
    return status
  }

  async if_(node) {
    for (const { clause, then } of [node, ...node.elif]) {
      if ((await this.test(clause)) === 0) return this.list(then.commands)
    }
    return node.else === undefined ? 0 : this.list(node.else.commands)
  }

  async for_(node) {
    const words = node.wordlist === undefined ? [...this.shell.params] : await this.expander.fields(node.wordlist)
    return this.loop(() => {
      if (words.length === 0) return false
      this.shell.set(node.name.value, words.shift())
      return true
    }, node.body)
  }

  /** Runs a body as long as there is more, until break, continue or Ctrl-C. */
  async loop(more, body) {
    let status = 0
    while (await more()) {
      try {
        status = await this.list(body.commands)
      } catch (error) {
        if (!(error instanceof Leave) || !['break', 'continue'].includes(error.what)) throw error
        if (error.levels > 1) throw new Leave(error.what, 0, error.levels - 1)
        status = 0
        if (error.what === 'break') break
      }
      await new Promise(setImmediate) // a loop of builtins lets signals in
      if (this.signal?.aborted) throw new Leave('interrupt', 130)
    }
    return status
  }

  async case_(node) {
    const text = await this.expander.text(node.word)
    for (const { pattern, body } of node.items) {
      for (const word of pattern) {
        if (matches(await this.expander.pattern(word), text)) return this.list(body.commands)
      }
    }
    return 0
  }

  async pipeline(node) {
    const negated = node.prefixes.length % 2 === 1
    const status = node.commands.length > 1
      ? await pipe(this, node.commands)
      : await this.test({ commands: [{ command: node.commands[0] }] })
    if (negated) return status === 0 ? 1 : 0
    return this.checked(status)
  }

  /** The words, variables and redirections of a simple command, expanded. */
  async prepare(node) {
    const words = await this.expander.fields([node.name, ...node.args].filter((word) => word !== undefined).map(asWord))
    const variables = []
    for (const part of node.prefix.filter(({ type }) => type === 'Assignment')) {
      variables.push([part.name, await this.expander.text(part.value)])
    }
    if (this.shell.options.x && words.length > 0) await this.io[2].write(`+ ${told(this.io[2], words.join(' '))}\n`)
    return { words, variables, redirects: await redirect.expand(node.redirects, this.expander) }
  }

  /** Whether the shell does a command itself. */
  own(name) {
    if (this.shell.functions.has(name)) return true
    return builtinOf(name) !== undefined && !(commands[name].last && find(name, this.shell) !== undefined)
  }

  async simple(node, tail, started) {
    this.shell.substituted = 0
    return this.perform(await this.prepare(node), tail, started)
  }

  /** A prepared command of a pipe: a subshell, which an error ends. */
  async done(prepared) {
    try {
      return await this.perform(prepared, false)
    } catch (error) {
      return this.ended(error)
    }
  }

  async perform(prepared, tail, started) {
    const [name] = prepared.words
    if (name === undefined) {
      for (const [variable, value] of prepared.variables) this.shell.set(variable, value)
      const { substituted } = this.shell
      return prepared.redirects.length === 0 ? substituted : this.opened(prepared, () => substituted)
    }
    if (name === 'exec') return this.opened(prepared, (runner) => runner.exec(prepared, this))
    if (!this.own(name)) return this.program(prepared, tail, started)
    return this.opened(prepared, (runner) => runner.itself(prepared))
  }

  /** Opens a prepared command's redirections for what is done then. */
  async opened({ redirects }, then) {
    let opened
    try {
      opened = redirect.open(redirects, this.io, this.shell.cwd)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      await this.say(error.message)
      return 1
    }
    const runner = this.with(opened.io)
    try {
      return await then(runner)
    } finally {
      if (!runner.kept) await opened.close()
    }
  }

  /** Runs a program and waits for it. */
  program(prepared, tail, started) {
    const [name, ...args] = prepared.words
    const path = find(name, this.shell)
    if (path === undefined) return this.opened(prepared, (runner) => runner.say(`${name}: not found`).then(() => 127))
    return this.opened(prepared, (runner) => {
      const env = { ...this.shell.env(), ...Object.fromEntries(prepared.variables) }
      if (tail) become({ name, path, args }, env, runner.io, this.shell)
      const { status, pid } = start({ name, path, args }, env, runner.io, this.shell, (text) => runner.say(text), started !== undefined)
      started?.(pid)
      return status
    })
  }

  /** `exec`: the shell becomes a program, or keeps redirections. */
  async exec({ words: [, name, ...args], variables }, outer) {
    if (name === undefined) {
      this.kept = true
      outer.io.splice(0, Infinity, ...this.io)
      return 0
    }
    const path = find(name, this.shell)
    if (path === undefined) {
      await this.say(`exec: ${name}: not found`)
      throw new Leave('exit', 127)
    }
    const env = { ...this.shell.env(), ...Object.fromEntries(variables) }
    become({ name, path, args }, env, this.io, this.shell)
    throw new Leave('exit', await start({ name, path, args }, env, this.io, this.shell, (text) => this.say(text)).status)
  }

  /** Runs a function, or what is built in. Variables before it are for it alone. */
  async itself({ words: [name, ...args], variables }) {
    const { shell } = this
    const before = variables.map(([variable]) => [variable, shell.get(variable), shell.exported.has(variable)])
    for (const [variable, value] of variables) {
      shell.set(variable, value)
      shell.exported.add(variable)
    }
    try {
      const body = shell.functions.get(name)
      return body === undefined ? await this.builtin(name, args) : await this.call(body, args)
    } finally {
      for (const [variable, value, exported] of before) {
        if (value === undefined) shell.vars.delete(variable)
        else shell.set(variable, value)
        if (!exported) shell.exported.delete(variable)
      }
    }
  }

  async call(body, args) {
    const { shell } = this
    const { params } = shell
    shell.params = args
    shell.locals.push(new Map())
    try {
      return await this.node(body, false)
    } catch (error) {
      if (error instanceof Leave && error.what === 'return') return error.status
      throw error
    } finally {
      shell.params = params
      for (const [name, value] of shell.locals.pop()) {
        if (value === undefined) shell.vars.delete(name)
        else shell.set(name, value)
      }
    }
  }

  async builtin(name, args) {
    const row = commands[name]
    try {
      if (row.screen && this.shell.interactive && this.io[0].number === 0) return await this.aside(name, args).status
      return (await builtinOf(name)(args, this)) ?? 0
    } catch (error) {
      if (error instanceof Leave) throw error
      if (error instanceof Closed) return 128 + 13
      if (error.name === 'AbortError') return 130
      await this.say(`${name}: ${reason(error)}`)
      return error.status ?? 1
    }
  }

  /** Runs a command of the shell as a process of its own, which has the terminal for itself. */
  aside(name, args, io = this.io) {
    const { shell } = this
    const argv = { name: 'node', path: process.execPath, args: [shell.file, '-c', '"$@"', shell.name, name, ...args] }
    return start(argv, shell.env(), io, shell, (text) => this.say(text))
  }

  /** The bytes of the input. A person's lines are read by another process, because this one's reads cannot be ended. */
  async *input() {
    const [input] = this.io
    if (!this.shell.interactive || input.number !== 0) return yield* input.chunks()
    const stream = new Stream(new PassThrough())
    const { status } = this.aside('cat', [], [input, stream, this.io[2]])
    status.then(() => stream.finish())
    yield* stream.chunks()
  }
}
module.exports = { Runner }
