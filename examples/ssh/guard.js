'use strict'
// Connections: how many there may be, how long one may take to show a key, and whether the other end is there.

/** Milliseconds from the connection to a key that is accepted. */
const GRACE = Number(process.env.SSH_GRACE ?? 20_000)
/** Milliseconds of silence after which a client is asked whether it is there; it may miss three answers. */
exports.ALIVE = Number(process.env.SSH_ALIVE ?? 15_000)
/** Connections that have shown no key yet. One more ends the oldest: whoever has a key needs a second. */
const MAX_STRANGERS = 10
/** Connections with a key. */
const MAX_KNOWN = 16

/** Connections without a key, the oldest first, and the timer of each. */
const strangers = new Map()
const known = new Set()

exports.forget = (socket) => {
  clearTimeout(strangers.get(socket))
  strangers.delete(socket)
  known.delete(socket)
}

/** Whether a new connection may go on. */
exports.admit = (socket) => {
  if (known.size >= MAX_KNOWN) return false
  const [oldest] = strangers.keys()
  if (strangers.size >= MAX_STRANGERS) {
    exports.forget(oldest)
    oldest.destroy()
  }
  strangers.set(socket, setTimeout(() => socket.destroy(), GRACE))
  socket.once('close', () => exports.forget(socket))
  return true
}

/** A connection has shown a key. */
exports.trust = (socket) => {
  exports.forget(socket)
  known.add(socket)
}
