import sqlite3 from 'sqlite3'

const database = new sqlite3.Database('/data.db')
database.get('select 40 + 2 as x', (error, row) => console.log('sqlite3:', error ?? row.x))
