'use strict'
const { Failure } = require('../shell.js')
const { options } = require('./options.js')

const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const pad = (number, width = 2, fill = '0') => `${number}`.padStart(width, fill)

/** The parts of a time, there or in UTC. */
const parts = (time, utc) => {
  const get = (name) => time[`get${utc ? 'UTC' : ''}${name}`]()
  const offset = utc ? 0 : -time.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}${pad(Math.abs(offset) % 60)}`
  const short = utc ? 'UTC' : new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(time).find(({ type }) => type === 'timeZoneName').value
  const [year, month, day, hour, minute, second] = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds'].map(get)
  const weekday = get('Day')
  const clock = `${pad(hour)}:${pad(minute)}:${pad(second)}`
  return {
    a: DAYS[weekday].slice(0, 3), A: DAYS[weekday], b: MONTHS[month].slice(0, 3), B: MONTHS[month], d: pad(day),
    D: `${pad(month + 1)}/${pad(day)}/${pad(year % 100)}`, e: pad(day, 2, ' '), F: `${year}-${pad(month + 1)}-${pad(day)}`,
    H: pad(hour), I: pad(hour % 12 || 12), j: pad(Math.floor((Date.UTC(year, month, day) - Date.UTC(year, 0, 0)) / 864e5), 3),
    m: pad(month + 1), M: pad(minute), n: '\n', N: pad(time.getMilliseconds() * 1e6, 9), p: hour < 12 ? 'AM' : 'PM',
    s: `${Math.floor(time / 1000)}`, S: pad(second), t: '\t', T: clock, R: clock.slice(0, 5), u: `${weekday || 7}`, w: `${weekday}`,
    y: pad(year % 100), Y: `${year}`, z: zone, Z: short, '%': '%'
  }
}

exports.date = (args, { out }) => {
  const { on, words } = options(args.map((arg) => (arg === '--utc' ? '-u' : arg)), 'ud:R')
  const time = on.d === undefined ? new Date() : new Date(/^@\d+$/.test(on.d) ? Number(on.d.slice(1)) * 1000 : on.d)
  if (Number.isNaN(time.getTime())) throw new Failure(`${on.d}: not a date such as 2026-05-01 12:30 or @0`)
  const [format = on.R ? '+%a, %d %b %Y %T %z' : '+%a %b %e %T %Z %Y'] = words
  if (!format.startsWith('+')) throw new Failure(`${format}: the time is not set here; a format starts with +`, 2)
  const all = parts(time, on.u)
  return out(`${format.slice(1).replace(/%(.)/gs, (whole, letter) => (Object.hasOwn(all, letter) ? all[letter] : whole))}\n`)
}
