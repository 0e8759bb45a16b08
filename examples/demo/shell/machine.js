'use strict'
// The door of a NodeOS machine, for programs in it: its state, logs, restarts, power off (docs/door.md). It needs no
// packages: copy it into an app.

const http = require('node:http')

/** Where the door is. */
const SOCKET = '/run/machine.sock'

/** Sends a request; the answer is a stream. A refusal is an error with its HTTP status as `status`. */
const ask = (method, path, { signal, socketPath = SOCKET } = {}) => new Promise((resolve, reject) => {
  const request = http.request({ socketPath, method, path, signal, agent: false }, async (answer) => {
    if (answer.statusCode < 300) return resolve(answer)
    try {
      reject(Object.assign(new Error(JSON.parse(await whole(answer)).error), { status: answer.statusCode }))
    } catch (error) {
      reject(error)
    }
  })
  request.on('error', reject).end()
})

const whole = async (answer) => {
  let text = ''
  for await (const piece of answer.setEncoding('utf8')) text += piece
  return text
}

/** The state of the machine: an object as docs/door.yaml has it. */
exports.status = async (options) => JSON.parse(await whole(await ask('GET', '/status', options)))

/**
 * What a user's init has printed, in pieces of text. `follow`: it goes on while the init prints. `kernel`: the kernel's
 * messages instead.
 */
exports.log = async function * ({ user, kernel = false, follow = false, ...options } = {}) {
  const query = new URLSearchParams()
  if (user !== undefined) query.set('user', user)
  if (kernel) query.set('kernel', '1')
  if (follow) query.set('follow', '1')
  const answer = await ask('GET', `/log?${query}`, options)
  // leaving the loop ends the connection
  yield * answer.setEncoding('utf8')
}

const of = (path, user) => (user === undefined ? path : `${path}?${new URLSearchParams({ user })}`)

/** Restarts the asker's own init; for root that of a user, too. */
exports.restart = async (user, options) => { await whole(await ask('POST', of('/restart', user), options)) }

/** Stops a user until the home is made again, or the machine restarts: for root. It goes on after the answer. */
exports.stop = async (user, options) => { await whole(await ask('POST', of('/stop', user), options)) }

/** Stops the machine. */
exports.powerOff = async (options) => { await whole(await ask('POST', '/poweroff', options)) }

/** Restarts the machine. */
exports.reboot = async (options) => { await whole(await ask('POST', '/reboot', options)) }
