import { usb } from 'usb'

console.log('usb:', (await usb.getDevices()).length, 'devices')
process.exit(0)
