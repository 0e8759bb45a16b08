'use strict'
// Stands in the page that a test opens: writes down what the page shows, as JSON in the element `seen`.
const seen = {}
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
  const shown = document.createElement('pre')
  shown.id = 'seen'
  shown.textContent = JSON.stringify(seen).replace(/[^ -~]|[&<>]/g, char => '\\u' + char.charCodeAt(0).toString(16).padStart(4, '0'))
  document.body.append(shown)
}, 500))
