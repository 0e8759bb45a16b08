import fs from 'node:fs'
import { subscribe } from '@parcel/watcher'

fs.mkdirSync('/tmp/watched')
const subscription = await subscribe('/tmp/watched', async (error, [event]) => {
  console.log('@parcel/watcher:', error ?? `${event.type} ${event.path}`)
  await subscription.unsubscribe()
})
fs.writeFileSync('/tmp/watched/new', '')
