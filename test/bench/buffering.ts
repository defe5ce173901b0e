/**
 * The reference for uploads: what a server does that reads a body into memory, looks at its length, and sends it on. Takes the
 * upstream's port and the limit in bytes, prints its own port.
 */
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'

const [, , upstream, limit] = process.argv

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.once('end', () => {
    const body = Buffer.concat(chunks)
    if (body.length > Number(limit)) {
      response.writeHead(413, { connection: 'close' }).end()
      return
    }
    const headers = { 'content-type': request.headers['content-type'], 'content-length': body.length }
    const on = ask({ port: Number(upstream), path: '/speech', method: 'POST', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { 'content-type': 'application/json' })
      answer.pipe(response)
    })
    on.end(body)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
