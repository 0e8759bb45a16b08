'use strict'
// machine: the machine's own settings, /home/.machine.json, for root (docs/machine.md). The machine reads the file at
// boot, and takes nothing of it if one value is wrong: so none is written. The rules are those of
// shim/src/machine_file; test/settings.json is held against both.

const fs = require('node:fs')
const net = require('node:net')
const { join } = require('node:path')
const { Failure } = require('../shell.js')
const { Folder, within } = require('./beneath.js')
const homes = require('./homes.js')

const FILE = '.machine.json'
/** A longer file is not read. */
const LARGEST = 2048
/** The longest value, and the longest names of time servers together. */
const LONGEST = 64
const LONGEST_LIST = 512

// addresses

/** Four numbers, without zeros in front, as 32 bits. */
const bits = (text) => (net.isIPv4(text) ? text.split('.').reduce((all, part) => all * 256 + Number(part), 0) : undefined)

/** Whether one machine can have an address: not "this network", loopback, multicast or reserved. */
const isUnicast = (text) => {
  const first = Math.floor((bits(text) ?? 0) / 2 ** 24)
  return first !== 0 && first !== 127 && first < 224
}

/** `10.0.0.5/24`: the address, its bits, and those of its network. */
const fixed = (text) => {
  const [, ip, digits] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? []
  const length = Number(digits)
  if (ip === undefined || !isUnicast(ip) || length < 8 || length > 32) return undefined
  const size = 2 ** (32 - length)
  const network = Math.floor(bits(ip) / size)
  // neither the network's own address nor that of all machines in it
  if (length < 31 && [0, size - 1].includes(bits(ip) % size)) return undefined
  return { ip, reaches: (other) => Math.floor(bits(other) / size) === network }
}

/** Addresses at which a user of the machine could answer, or nobody. */
const none = new net.BlockList()
none.addSubnet('127.0.0.0', 8)
none.addSubnet('224.0.0.0', 4)
none.addAddress('0.0.0.0')
none.addAddress('255.255.255.255')
none.addAddress('::', 'ipv6')
none.addAddress('::1', 'ipv6')
none.addSubnet('ff00::', 8, 'ipv6')

const isAddress = (text) => {
  if (net.isIPv4(text)) return !none.check(text, 'ipv4')
  return net.isIPv6(text) && !text.includes('%') && !none.check(text, 'ipv6')
}

// names

const isName = (text, longest) =>
  text.length <= longest && text.split('.').every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))

const isHost = (text) => isName(text, 253) && /[A-Za-z]/.test(text.split('.').at(-1))

/** A server: an address or a name, and a port or none. */
const server = (text) => {
  if (isAddress(text)) return { address: true }
  const [, inner, port] = /^\[([^\]]*)\](?::(\d+))?$/.exec(text) ?? /^([^:]*)(?::(\d+))?$/.exec(text) ?? []
  if (inner === undefined || (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))) return undefined
  if (isAddress(inner)) return { address: true }
  return isHost(inner) ? { address: false } : undefined
}

// keys

/** Each key: whether it is a list, what is said if a value is wrong, and whether one is right. */
const KEYS = {
  hostname: {
    wrong: 'hostname is at most 64 letters, digits, hyphens and dots, with a letter',
    right: (text) => isName(text, LONGEST) && /[A-Za-z]/.test(text)
  },
  address: {
    wrong: 'address is an IPv4 address and its prefix, such as 10.0.0.5/24, or dhcp, or off',
    right: (text) => ['dhcp', 'off'].includes(text) || fixed(text) !== undefined
  },
  router: {
    wrong: 'router is another IPv4 address in the network of a fixed address',
    right: (text, { own }) => isUnicast(text) && own !== undefined && own.reaches(text) && own.ip !== text
  },
  dns: {
    most: 3,
    wrong: 'dns is a list of at most 3 IPv4 addresses, with a fixed address',
    right: (text, { own }) => own !== undefined && (isUnicast(text) || text === '127.0.0.1')
  },
  ntp: {
    most: 8,
    wrong: 'ntp is a list of at most 8 names or addresses',
    right: (text) => text !== 'none' && server(text) !== undefined
  },
  syslog: {
    wrong: 'syslog is udp:ADDRESS or tcp:ADDRESS, no name and not this machine',
    right: (text) => /^(udp|tcp):/.test(text) && server(text.slice(4))?.address === true
  },
  timezone: {
    wrong: 'timezone is a name such as Europe/Madrid',
    right: (text) => /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(text)
  }
}
const NAMES = Object.keys(KEYS).join(', ')

/** What is wrong with settings; `undefined` if nothing is. */
const wrong = (settings) => {
  if (Object.keys(settings).some((key) => !Object.hasOwn(KEYS, key))) return `it has a key that is none of ${NAMES}`
  const of = { own: fixed(settings.address ?? '') }
  for (const [key, { most, right, wrong }] of Object.entries(KEYS)) {
    const value = settings[key]
    if (value === undefined) continue
    const all = most === undefined ? [value] : value
    const bytes = all.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    if (all.length > (most ?? 1) || bytes > (most === undefined ? LONGEST : LONGEST_LIST) || !all.every((text) => right(text, of))) return wrong
  }
}

/** A backslash is a part of a value, as the machine reads it: no value may have one. */
const kept = (both, letter) => `\\\\${'"\\'.includes(letter) ? both : letter}`

/** The settings that a text has, or what is wrong with it. */
const parse = (text) => {
  const isText = (value) => typeof value === 'string'
  const fits = ([key, value]) => (KEYS[key]?.most === undefined ? isText(value) : Array.isArray(value) && value.every(isText))
  let settings
  try {
    settings = JSON.parse(text.replace(/\\([^])/g, kept))
  } catch {} // said below
  const isObject = typeof settings === 'object' && settings !== null && !Array.isArray(settings)
  if (!isObject) return { why: 'it is malformed' }
  const unknown = Object.keys(settings).some((key) => !Object.hasOwn(KEYS, key))
  if (!unknown && !Object.entries(settings).every(fits)) return { why: 'it is malformed' }
  return { settings, why: wrong(settings) }
}

/** The text as the machine writes it: in the order of the keys. */
const written = (settings) => {
  const list = (values) => `[${values.map((value) => `"${value}"`).join(', ')}]`
  const given = Object.keys(KEYS).filter((key) => settings[key] !== undefined)
  return `{${given.map((key) => `"${key}": ${Array.isArray(settings[key]) ? list(settings[key]) : `"${settings[key]}"`}`).join(', ')}}`
}

/** What the file says. */
const read = (folder) => {
  const found = folder.look(FILE)
  if (found === undefined) return { settings: {} }
  if (!found.isFile()) return { why: 'it is not a regular file' }
  if (found.uid !== process.getuid() || (found.mode & 0o022) !== 0) return { why: 'others than root can write it' }
  if (found.size >= LARGEST) return { why: 'it is too long' }
  return parse(folder.file(FILE, (file) => fs.readFileSync(file, 'utf8')))
}

/** The settings with what the words say: a key and a value each. */
const changed = (settings, words) => {
  const values = {}
  for (let at = 0; at < words.length; at += 2) {
    const [key, value] = words.slice(at, at + 2)
    if (!Object.hasOwn(KEYS, key)) throw new Failure(`${key}: the keys are ${NAMES}`, 2)
    if (value === undefined) throw new Failure(`${key}: which value? '' removes it`, 2)
    if (value === '') values[key] = undefined
    else if (KEYS[key].most === undefined) values[key] = value
    else values[key] = key === 'ntp' && value === 'none' ? [] : value.split(',')
  }
  // they belong to the old address
  const old = Object.hasOwn(values, 'address') ? { router: undefined, dns: undefined } : {}
  const all = Object.entries({ ...settings, ...old, ...values })
  return Object.fromEntries(all.filter(([, value]) => value !== undefined))
}

exports.machine = (args, runner) => {
  homes.needRoot(runner)
  const [words, clear] = args[0] === '--default' ? [args.slice(1), true] : [args, false]
  return within(Folder.open(homes.top(runner)), (folder) => {
    const path = join(folder.path, FILE)
    const { settings, why } = clear ? { settings: {} } : read(folder)
    if (why !== undefined) throw new Failure(`${path}: ${why}; nothing in it counts. machine --default removes it`)
    if (args.length === 0) return runner.out(`${written(settings)}\n`)
    const after = changed(settings, words)
    const refused = wrong(after)
    if (refused !== undefined) throw new Failure(`${refused}; nothing was changed`, 2)
    const text = written(after)
    if (text !== '{}') folder.write(FILE, `${text}\n`)
    else if (folder.look(FILE) !== undefined) fs.rmSync(folder.at(FILE))
    return runner.out(`the settings are ${text}, from the next boot on\n`)
  })
}
exports.parse = parse
exports.written = written
