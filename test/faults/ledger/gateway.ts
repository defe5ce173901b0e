import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../../src/main.ts')

/** A gateway in a process of its own, which can be killed and started again on the same data. */
export class GatewayProcess {
  readonly #config: string
  readonly #dataDir: string
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Where it listens; empty while it does not. */
  url = ''

  constructor(config: string, dataDir: string, env: Readonly<Record<string, string>>) {
    this.#config = config
    this.#dataDir = dataDir
    this.#env = env
  }

  /** Starts it. Resolves with whether it listens; false when it was killed before. Throws when it ends by itself. */
  async start(): Promise<boolean> {
    const args = [main, 'serve', '--config', this.#config, '--data-dir', this.#dataDir, '--port', '0']
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.url = ''
        resolve()
      })
    })
    let said = ''
    return await new Promise((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => {
        if (said.length > 50_000) return
        said += data.toString()
        const found = /HTTP\s+(http:\/\/127\.0\.0\.1:\d+)/.exec(said)
        if (found?.[1] === undefined || this.url !== '') return
        this.url = found[1]
        resolve(true)
      })
      child.once('exit', (code, signal) => {
        if (signal === 'SIGKILL') resolve(false)
        else reject(new Error(`the gateway ended with ${code}: ${said}`))
      })
    })
  }

  /** Ends it without any warning. */
  kill(): void {
    this.#child?.kill('SIGKILL')
    this.url = ''
  }

  /** Lets it do nothing until it is woken: for others it is as one that is gone. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  /** Lets it go on where it was. */
  wake(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Resolves when it is gone. */
  ended(): Promise<void> {
    return this.#ended
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    await this.#ended
  }
}
