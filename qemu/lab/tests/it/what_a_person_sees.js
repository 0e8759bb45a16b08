'use strict'
// Stands in the page that a test opens: writes down what the page shows, as JSON in the element `seen`.
const seen = { refused: [] }
document.addEventListener('securitypolicyviolation', event => seen.refused.push(event.effectiveDirective))
addEventListener('load', () => setTimeout(() => {
  // all that is folded, as a click or the enter key unfolds it
  const summaries = [...document.querySelectorAll('summary')]
  summaries.forEach(summary => summary.click())
  const cells = row => [...row.cells].map(cell => cell.innerText.trim())
  const sections = [...document.querySelectorAll('main > section')].map(section => [section.id, {
    title: section.querySelector('h2').innerText,
    rows: [...section.querySelectorAll('tr')].map(cells),
    charts: [...section.querySelectorAll('[data-chart]')].map(chart => ({
      what: chart.dataset.chart,
      paths: chart.querySelectorAll('svg path').length,
      labels: [...chart.querySelectorAll('svg text')].map(text => text.textContent)
    }))
  }])
  seen.sections = Object.fromEntries(sections)
  seen.links = [...document.querySelectorAll('nav a')].map(link => [link.innerText, document.querySelector(link.hash)?.querySelector('h2').innerText])
  // what the tab key comes to, in that order
  const reached = [...document.querySelectorAll('*')].filter(element => {
    element.focus()
    return document.activeElement === element && element !== document.body
  })
  const kinds = Object.groupBy(reached, element => element.localName)
  seen.reached = Object.fromEntries(Object.entries(kinds).map(([name, all]) => [name, all.length]))
  seen.unfolded = summaries.length
  seen.ofItsOwn = seen.refused.length
  // what a page might ask of a network
  fetch('http://127.0.0.1/').catch(() => {})
  new Image().src = 'http://127.0.0.1/'
  document.head.append(Object.assign(document.createElement('script'), { src: 'http://127.0.0.1/' }))
  setTimeout(write, 500)
}, 500))

function write () {
  const shown = document.createElement('pre')
  shown.id = 'seen'
  shown.textContent = JSON.stringify(seen).replace(/[^ -~]|[&<>]/g, char => '\\u' + char.charCodeAt(0).toString(16).padStart(4, '0'))
  document.body.append(shown)
}
