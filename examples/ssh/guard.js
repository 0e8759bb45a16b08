'use strict'
// Connections: how many there may be, how long one may take to show a key, and whether the other end is there.

const { isIPv6 } = require('node:net')

/** Milliseconds from the connection to a key that is accepted. */
const GRACE = Number(process.env.SSH_GRACE ?? 20_000)
/** Milliseconds of silence after which a client is asked whether it is there; it may miss three answers. */
exports.ALIVE = Number(process.env.SSH_ALIVE ?? 15_000)
/** Connections that have shown no key yet. One more ends one of them: `surplus` says which. */
const MAX_STRANGERS = 10
/** Connections with a key. */
const MAX_KNOWN = 16

/** Connections without a key, the oldest first: the network and the timer of each. */
const strangers = new Map()
const known = new Set()

exports.forget = (socket) => {
  clearTimeout(strangers.get(socket)?.timer)
  strangers.delete(socket)
  known.delete(socket)
}

/** What one person may have of addresses: one of IPv4; of IPv6, all with the same first 64 bits. */
const network = (address = '') => {
  const ip = address.replace(/^::ffff:(?=\d+\.)/, '')
  if (!isIPv6(ip)) return ip
  const [front, back] = ip.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = back === undefined ? [] : Array(8 - front.length - back.length).fill('0')
  return [...front, ...zeros].concat(back ?? []).slice(0, 4).join(':')
}

/** The oldest stranger of the network that has the most: no network keeps the others out. */
const surplus = () => {
  const counts = new Map()
  for (const { from } of strangers.values()) counts.set(from, (counts.get(from) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return [...strangers.keys()].find((socket) => counts.get(strangers.get(socket).from) === most)
}

/** Whether a new connection may go on. */
exports.admit = (socket) => {
  if (known.size >= MAX_KNOWN) return false
  if (strangers.size >= MAX_STRANGERS) {
    const ended = surplus()
    exports.forget(ended)
    ended.destroy()
  }
  strangers.set(socket, { from: network(socket.remoteAddress), timer: setTimeout(() => socket.destroy(), GRACE) })
  socket.once('close', () => exports.forget(socket))
  return true
}

/** A connection has shown a key. */
exports.trust = (socket) => {
  exports.forget(socket)
  known.add(socket)
}
