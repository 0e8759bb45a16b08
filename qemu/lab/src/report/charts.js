'use strict'
// Says what is drawn; ECharts draws. Drawn anew when the page changes between light and dark, and for paper.
const data = JSON.parse(document.getElementById('data').textContent)
const bytes = value => value >= 1 << 20 ? (value / (1 << 20)).toFixed(1) + ' MiB' : value >= 1024 ? (value / 1024).toFixed(1) + ' KiB' : value + ' B'
const millions = value => Math.round(value / 1e6) + ' M'
const ms = value => Math.round(value / 1000) + ' ms'

const options = {
  treemap: ({ treemap }, theme) => treemap.length && {
    tooltip: { formatter: ({ treePathInfo, value }) => echarts.format.encodeHTML(treePathInfo.slice(1).map(part => part.name).join(' › ')) + '<br>' + bytes(value) },
    series: [{
      type: 'treemap', name: 'medium', data: treemap, leafDepth: 2, width: '100%', height: '88%', left: 0, top: 0, roam: false,
      // what lies between areas, and the name that is written there: the page's own paper and ink
      itemStyle: { borderColor: theme ? '#0d1117' : '#fff' },
      label: { formatter: ({ name, value }) => name + '\n' + bytes(value), lineHeight: 15 },
      upperLabel: { show: true, height: 22, color: theme ? '#e6edf3' : '#1b1f24', formatter: ({ name, value }) => name + ', ' + bytes(value) },
      levels: [{ itemStyle: { gapWidth: 3 }, upperLabel: { show: false } }, { itemStyle: { gapWidth: 1 } }, { itemStyle: { gapWidth: 1 }, colorSaturation: [0.35, 0.6] }]
    }]
  },
  memory: ({ memory, moments }) => {
    if (!memory.length) return
    const ram = memory.reduce((sum, [, [first]]) => sum + first, 0)
    // what is no one's stays grey: the palette has a colour for each of the others
    const grey = { rest: '#8b949e', 'free-lists': '#8b949e99', free: '#8b949e40' }
    return {
      tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, valueFormatter: value => bytes(value * 1024) },
      legend: { bottom: 0 }, grid: { left: 90, right: 30, top: 10, bottom: 90 },
      xAxis: { type: 'value', max: ram, interval: ram / 8, axisLabel: { formatter: value => bytes(value * 1024) } },
      yAxis: { type: 'category', data: moments, inverse: true },
      series: memory.map(([name, data]) => ({ type: 'bar', stack: 'memory', name, data, itemStyle: { color: grey[name] } }))
    }
  },
  timeline: ({ timeline }) => timeline.length && {
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, formatter: ([, { dataIndex: at }]) => echarts.format.encodeHTML(timeline[at].what) + '<br>at ' + ms(timeline[at].at) },
    grid: { left: 270, right: 60, top: 10, bottom: 30 },
    xAxis: { type: 'value', axisLabel: { formatter: ms } },
    yAxis: { type: 'category', inverse: true, data: timeline.map(event => event.what), axisLabel: { width: 255, overflow: 'truncate' } },
    // each step from the one before it to itself
    series: [
      { type: 'bar', stack: 'time', silent: true, itemStyle: { color: 'transparent' }, data: timeline.map((_, at) => at ? timeline[at - 1].at : 0) },
      { type: 'bar', stack: 'time', data: timeline.map((event, at) => event.at - (at ? timeline[at - 1].at : 0)), label: { show: true, position: 'right', formatter: ({ value }) => ms(value) } }
    ]
  },
  floor: ({ curves }) => curves.length && {
    tooltip: { trigger: 'item', formatter: ({ seriesName, value }) => `${echarts.format.encodeHTML(seriesName)}: ${value[0]} MiB, ${value[1]} ms` },
    legend: { bottom: 0 }, grid: { left: 70, right: 20, top: 30, bottom: 70 },
    xAxis: { type: 'log', logBase: 2, name: 'MiB', nameLocation: 'middle', nameGap: 28, min: 32, max: 512 },
    yAxis: { type: 'value', name: 'ms' },
    series: curves.map(({ placement, points, floor }) => ({
      type: 'line', name: placement, data: points.filter(([, took]) => took !== null), symbolSize: 8,
      markLine: floor ? { symbol: 'none', data: [{ xAxis: floor }], label: { formatter: `${floor} MiB` } } : undefined
    }))
  },
  comparison: ({ contenders, parts }) => ({
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, valueFormatter: millions },
    legend: { bottom: 0 }, grid: { left: 130, right: 30, top: 10, bottom: 70 },
    xAxis: { type: 'value', axisLabel: { formatter: millions } },
    yAxis: { type: 'category', data: contenders, inverse: true },
    series: parts.map(([name, data]) => ({ type: 'bar', stack: 'instructions', name, data }))
  }),
  history: () => data.history.length && {
    tooltip: { trigger: 'item', formatter: ({ seriesName, value }) => echarts.format.encodeHTML(seriesName) + `<br>${value[0]}: ${value[2]}` },
    grid: { left: 60, right: 20, top: 30, bottom: 30 },
    xAxis: { type: 'time' }, yAxis: { type: 'value', name: '% of the first', scale: true },
    series: data.history.map(({ name, points }) => ({ type: 'line', name, data: points.map(([date, value]) => [date, value / points[0][1] * 100, value]) }))
  }
}

const dark = matchMedia('(prefers-color-scheme: dark)')
let drawn = []
function draw (theme) {
  drawn.forEach(chart => chart.dispose())
  drawn = [...document.querySelectorAll('[data-chart]')].flatMap(place => {
    const option = options[place.dataset.chart](data.machines[place.dataset.machine] || data.comparisons[place.dataset.comparison] || {}, theme)
    if (!option) return []
    place.replaceChildren(document.createElement('div'))
    place.firstChild.style.height = '100%'
    const chart = echarts.init(place.firstChild, theme, { renderer: 'svg' })
    chart.setOption({ backgroundColor: 'transparent', animation: false, aria: { enabled: true }, ...option })
    return [chart]
  })
  document.documentElement.dataset.drawn = drawn.length
}
const now = () => draw(dark.matches ? 'dark' : undefined)
dark.addEventListener('change', now)
addEventListener('resize', () => drawn.forEach(chart => chart.resize()))
// paper is light and has nothing folded
let folded = []
const fold = open => folded.forEach(part => { part.open = open })
addEventListener('beforeprint', () => { draw(undefined); folded = document.querySelectorAll('details:not([open])'); fold(true) })
addEventListener('afterprint', () => { now(); fold(false) })
now()
