import pg from 'pg'
import { channel } from './engine.ts'

/** How long to wait before connecting again, in milliseconds. */
const pauseMs = 1000

/** Hears notifications on a connection of its own, which is made anew when it is lost. Connected while anybody listens. */
export class Listener {
  readonly #config: pg.ClientConfig
  readonly #heard = new Set<() => void>()
  #client: pg.Client | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(config: pg.ClientConfig) {
    this.#config = config
  }

  /** Calls back at every notification, and when the connection is there again, since others may have been lost. Gives what ends it. */
  add(heard: () => void): () => void {
    this.#heard.add(heard)
    if (this.#client === undefined && this.#retry === undefined) void this.#connect()
    return () => {
      this.#heard.delete(heard)
      if (this.#heard.size === 0) void this.close()
    }
  }

  async close(): Promise<void> {
    this.#heard.clear()
    clearTimeout(this.#retry)
    this.#retry = undefined
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#config)
    this.#client = client
    const lost = (): void => this.#lost(client)
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', () => this.#tell())
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
      this.#tell()
    } catch {
      // Watching goes on by looking, which tells what is wrong.
      lost()
    }
  }

  #tell(): void {
    for (const heard of this.#heard) heard()
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = undefined
    client.end().catch(() => {})
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      void this.#connect()
    }, pauseMs)
    this.#retry.unref()
  }
}
