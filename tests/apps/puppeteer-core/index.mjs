import puppeteer from 'puppeteer-core'

// the machine has no browser
const refused = await puppeteer.launch({ executablePath: '/usr/bin/chromium' }).catch((error) => error)
console.log('puppeteer-core:', refused.message)
