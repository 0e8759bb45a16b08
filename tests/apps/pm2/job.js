console.log('hello from a job')
setInterval(() => {}, 1000)
