'use strict'
// What a descriptor of a command leads to: a real descriptor, or a stream of this process.
// A program gets a real descriptor as it is, so that it has the terminal itself.

const fs = require('node:fs')

/** Nobody reads what a command writes: it ends quietly, as SIGPIPE would end it. */
class Closed extends Error {}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A real descriptor: the terminal, a file, a pipe from whoever started the shell. */
class Descriptor {
  constructor(number, own = false) {
    this.number = number
    this.own = own
  }

  get stdio() {
    return this.number
  }

  get terminal() {
    return require('node:tty').isatty(this.number)
  }

  async write(data) {
    let rest = Buffer.from(data)
    while (rest.length > 0) {
      try {
        const written = await new Promise((resolve, reject) => {
          fs.write(this.number, rest, (error, count) => (error ? reject(error) : resolve(count)))
        })
        rest = rest.subarray(written)
      } catch (error) {
        if (error.code === 'EPIPE') throw new Closed()
        if (error.code !== 'EAGAIN') throw error
        await wait(5)
      }
    }
  }

  async *chunks() {
    for (;;) {
      const buffer = Buffer.allocUnsafe(65_536)
      try {
        const count = await new Promise((resolve, reject) => {
          fs.read(this.number, buffer, 0, buffer.length, null, (error, count) => (error ? reject(error) : resolve(count)))
        })
        if (count === 0) return
        yield buffer.subarray(0, count)
      } catch (error) {
        if (error.code === 'EOF') return
        if (error.code !== 'EAGAIN') throw error
        await wait(5)
      }
    }
  }

  /** One line, and not a byte more: the next command reads on from there. */
  async line() {
    const letter = Buffer.alloc(1)
    const bytes = []
    for (;;) {
      try {
        if (fs.readSync(this.number, letter) === 0) return bytes.length > 0 ? Buffer.from(bytes).toString() : undefined
        if (letter[0] === 10) return `${Buffer.from(bytes)}\n`
        bytes.push(letter[0])
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error
        await wait(5)
      }
    }
  }

  /** Gives the descriptor back, if a redirection opened it. */
  async close() {
    if (this.own) fs.closeSync(this.number)
    this.own = false
  }
}

/** A stream: the input of a program that a pipe leads to, or what two parts of the shell share. */
class Stream {
  /** `real`: the stream has a descriptor, which a program can have. */
  constructor(stream, real = false) {
    this.stream = stream
    this.real = real
    this.rest = Buffer.alloc(0)
    this.terminal = false
    stream.on('error', () => {}) // whoever writes is told
  }

  get stdio() {
    return this.real && !this.stream.destroyed ? this.stream : 'pipe'
  }

  write(data) {
    const { stream } = this
    return new Promise((resolve, reject) => {
      const closed = () => reject(new Closed())
      if (stream.destroyed || stream.writableEnded) return closed()
      stream.once('close', closed)
      stream.write(data, (error) => {
        stream.off('close', closed)
        if (error) closed()
        else resolve()
      })
    })
  }

  async *chunks() {
    if (this.rest.length > 0) yield this.rest
    this.rest = Buffer.alloc(0)
    for await (const chunk of this.stream.iterator({ destroyOnReturn: false })) yield chunk
  }

  async line() {
    this.reader ??= this.stream.iterator({ destroyOnReturn: false })
    for (;;) {
      const at = this.rest.indexOf(10)
      if (at >= 0) {
        const line = this.rest.subarray(0, at + 1).toString()
        this.rest = this.rest.subarray(at + 1)
        return line
      }
      const { value, done } = await this.reader.next()
      if (done) {
        const last = this.rest.toString()
        this.rest = Buffer.alloc(0)
        return last === '' ? undefined : last
      }
      this.rest = Buffer.concat([this.rest, value])
    }
  }

  /** The writing side is done. A program that shares the stream keeps it open. */
  async finish() {
    const { stream } = this
    if (stream.destroyed) return
    if (this.real) stream.destroy()
    else stream.end()
  }

  /** The reading side is done: writers are told. */
  async close() {
    if (!this.real) this.stream.destroy()
  }
}

/** A descriptor that leads nowhere: `>&-`. */
const NOWHERE = {
  stdio: 'ignore',
  terminal: false,
  write: async () => {
    throw new Closed()
  },
  async *chunks() {},
  line: async () => undefined,
  finish: async () => {},
  close: async () => {}
}

/** What the shell itself was given. */
const standard = () => [new Descriptor(0), new Descriptor(1), new Descriptor(2)]

/** A name that anybody may have chosen, without what would act on the terminal, such as an escape sequence. */
const shown = (name) => name.replace(/\p{Cc}/gu, '?')

/** What names become on their way to an end: a terminal shows them; a program behind a pipe gets them as they are. */
const printed = ({ terminal }) => (terminal ? shown : (name) => name)

/** A text with names in it, of one or more lines, on its way to an end. */
const told = (end, text) => text.split('\n').map(printed(end)).join('\n')

module.exports = { Closed, Descriptor, NOWHERE, Stream, printed, shown, standard, told }
