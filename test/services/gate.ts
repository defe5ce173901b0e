import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'

/** A TCP door in front of a server, on a port of its own, for being cut off, frozen and let through again. */
export class Gate {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #way: 'open' | 'frozen' | 'shut' = 'open'

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  /** Opens a door on 127.0.0.1 to a server. */
  static async open(host: string, port: number): Promise<Gate> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the gate has no port')
    const gate = new Gate(server, address.port)
    server.on('connection', (client) => gate.#connect(client, host, port))
    return gate
  }

  #connect(client: Socket, host: string, port: number): void {
    if (this.#way === 'shut') {
      client.destroy()
      return
    }
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
      if (this.#way === 'frozen') socket.pause()
    }
    client.pipe(upstream)
    upstream.pipe(client)
    if (this.#way === 'frozen') this.#hold()
  }

  /** Nothing passes, and nobody is told: connections are taken, and stay. */
  freeze(): void {
    this.#way = 'frozen'
    this.#hold()
  }

  #hold(): void {
    for (const socket of this.#sockets) {
      socket.unpipe()
      socket.pause()
    }
  }

  /** Ends every connection, and takes no new ones until `admit`. */
  cut(): void {
    this.#way = 'shut'
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Takes new connections. Those that were frozen are ended. */
  admit(): void {
    this.#way = 'open'
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
