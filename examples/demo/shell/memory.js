'use strict'
// Says so when a machine has too little memory for npm. The kernel then drops node's code and reads it from the disk again
// and again: npm runs for minutes, and neither ends nor says a word.

const os = require('node:os')

const MiB = 1024 * 1024
/** What npm needs, and the least that a machine of that size shows: the kernel takes some. */
const NEEDED = 256 * MiB
const LEAST = 200 * MiB

/** The words, if a program needs more memory than there is. */
const complaint = (program, memory = os.totalmem()) => {
  if (!['npm', 'npx'].includes(program) || memory >= LEAST) return undefined
  const [there, needed] = [memory, NEEDED].map((bytes) => Math.round(bytes / MiB))
  return `this machine has ${there} MiB of memory, and ${program} needs ${needed}: it may run for minutes. Ctrl-C stops it; for more memory: nodeos run --memory ${needed}M`
}

module.exports = { complaint }
