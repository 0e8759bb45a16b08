import ejs from 'ejs'

console.log('ejs:', await ejs.renderFile('page.ejs', { names: ['ana', '<bo>'] }))
