'use strict'

/** Why a call failed, in words: the path, and the text of its errno. */
exports.reason = (error) => {
  const words = /^[A-Z0-9_]+: ([^,]+)/.exec(error.message)?.[1]
  if (error.code === undefined || words === undefined) return error.message
  const path = error.dest ?? error.path
  return path === undefined ? words : `${path}: ${words}`
}
