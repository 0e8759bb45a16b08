import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const { Words } = grpc.loadPackageDefinition(loadSync('words.proto'))
const server = new grpc.Server()
server.addService(Words.service, { hello: ({ request }, done) => done(null, { text: `hello ${request.text}` }) })
server.bindAsync('127.0.0.1:8000', grpc.ServerCredentials.createInsecure(), () => {
  const client = new Words('127.0.0.1:8000', grpc.credentials.createInsecure())
  client.hello({ text: 'ana' }, (error, answer) => {
    console.log('@grpc/grpc-js:', error ?? answer.text)
    client.close()
    server.forceShutdown()
  })
})
