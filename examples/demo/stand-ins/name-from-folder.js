'use strict'
// In place of npm's own: it names a project after its folder. In / it finds no name, and `npm install` fails there with
// `Tracker "idealTree" already exists`, because arborist adds a tracker for the name of the root. Here / is `home`.

const { basename, dirname } = require('node:path')

const scoped = (parent, base) => (parent.startsWith('@') ? `${parent}/${base}` : base)

module.exports = (folder) => (folder ? scoped(basename(dirname(folder)), basename(folder)) || 'home' : false)
