'use strict'
// What a shell knows: its folder, variables, functions, options. A subshell is a copy; no process is forked for it.

/** Leaves what runs: the whole shell (`exit`), a function (`return`), loops (`break`, `continue`). */
class Leave {
  constructor(what, status, levels = 1) {
    Object.assign(this, { what, status, levels })
  }
}

/** A command that cannot be done: what to say, and its status. */
class Failure extends Error {
  constructor(message, status = 1) {
    super(message)
    this.status = status
  }
}

class Shell {
  constructor({ name, file, cwd, env, params = [], options = {}, interactive = false }) {
    /** As the shell was called; `$0`, and at the start of its complaints. */
    this.name = name
    /** The program file of the shell, for those parts of it that take a process of their own. */
    this.file = file
    this.cwd = cwd
    this.interactive = interactive
    this.params = params
    this.status = 0
    this.vars = new Map(Object.entries(env))
    this.exported = new Set(Object.keys(env))
    this.functions = new Map()
    this.options = { e: false, f: false, u: false, x: false, pipefail: false, ...options }
    /** What runs in the background: promises of statuses by number. */
    this.jobs = new Map()
    this.lastJob = undefined
    /** What all copies share: whether Ctrl-C ended a program, and so the line; what runs in this process meanwhile. */
    this.shared = { interrupted: false, inner: new Set() }
    /** Variables of functions that run, as they were before. */
    this.locals = []
  }

  /** A copy for ( ), $( ) and each side of a pipe. */
  clone() {
    const copy = Object.assign(Object.create(Shell.prototype), this)
    copy.vars = new Map(this.vars)
    copy.exported = new Set(this.exported)
    copy.functions = new Map(this.functions)
    copy.options = { ...this.options }
    copy.params = [...this.params]
    copy.jobs = new Map()
    copy.locals = []
    return copy
  }

  get(name) {
    return this.vars.get(name)
  }

  set(name, value) {
    this.vars.set(name, value)
  }

  /** The variables that programs get. */
  env() {
    const env = {}
    for (const name of this.exported) if (this.vars.has(name)) env[name] = this.vars.get(name)
    return env
  }

  /** The value of `$name`; `undefined` if it is not set. */
  parameter(name) {
    if (/^\d+$/.test(name)) return name === '0' ? this.name : this.params[Number(name) - 1]
    switch (name) {
      case '#': return `${this.params.length}`
      case '?': return `${this.status}`
      case '$': return `${process.pid}`
      case '!': return this.lastJob
      case '-': return Object.keys(this.options).filter((key) => this.options[key] && key.length === 1).join('') + (this.interactive ? 'i' : '')
      case '@':
      case '*': return this.params.length > 0 ? this.params.join(name === '*' ? (this.get('IFS') ?? ' ').slice(0, 1) : ' ') : undefined
      default: return this.get(name)
    }
  }
}

module.exports = { Failure, Leave, Shell }
