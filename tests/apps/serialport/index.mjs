import { SerialPort } from 'serialport'

// no port is plugged in: the error is the addon's
new SerialPort({ path: '/dev/ttyUSB0', baudRate: 9600 }, (error) => console.log('serialport:', error.message))
