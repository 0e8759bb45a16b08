import Database from 'better-sqlite3'

const database = new Database('/data.db')
database.exec('create table if not exists t (x); delete from t; insert into t values (42)')
console.log('better-sqlite3:', database.prepare('select x from t').get().x)
