/**
 * The reference: the least that a proxy between two JSON APIs can do on Node. It reads the body, parses it, replaces the model,
 * sends it on with undici's `dispatch` and pipes the answer back. Takes the upstream's port, prints its own.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Dispatcher, Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { headersTimeout: 0, bodyTimeout: 0 })

class Pipe implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const length = headers['content-length']
    const type = String(headers['content-type'])
    this.#response.writeHead(status, {
      'content-type': type,
      ...(length !== undefined && { 'content-length': String(length) }),
    })
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#response.write(chunk)
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(): void {
    this.#response.destroy()
  }
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.once('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { model: string }
    body.model = 'bench-1'
    const headers = { 'content-type': 'application/json' }
    pool.dispatch({ path: request.url ?? '/', method: 'POST', headers, body: JSON.stringify(body) }, new Pipe(response))
  })
})
server.listen(0, '127.0.0.1', 4096, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
