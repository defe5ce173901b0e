import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Evidence } from './evidence.ts'

const main = join(import.meta.dirname, '../../../src/main.ts')

/** What a process may know and do. */
export interface ProcessOptions {
  readonly evidence: Evidence
  /** Where it is started, and so where it puts what it has no other place for. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Canaries that it is there to show. */
  readonly shows?: readonly string[]
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `switchyard` in a process of its own, with no variables of this one but PATH. All it says is evidence once it has ended. */
export class Switchyard {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''
  #isOver = false

  constructor(args: readonly string[], { evidence, folder, env, shows }: ProcessOptions) {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.setEncoding('latin1').on('data', (text: string) => (this.#stdout += text))
    child.stderr.setEncoding('latin1').on('data', (text: string) => (this.#stderr += text))
    this.#child = child
    this.ended = once(child, 'close').then(([code]) => {
      this.#isOver = true
      for (const [kind, text] of [
        ['stdout', this.#stdout],
        ['stderr', this.#stderr],
      ] as const)
        for (const line of text.split('\n'))
          evidence.take(`${kind}: ${args.join(' ')}`, Buffer.from(line, 'latin1'), shows)
      return { code: code as number | null, stdout: this.#stdout, stderr: this.#stderr }
    })
  }

  /** The first group of a pattern, once it is on standard error. Rejects when the process ends without it. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#stderr)?.[1]
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`it ended without ${String(pattern)}:\n${this.#stderr}`)
      await Promise.race([once(this.#child.stderr as NodeJS.ReadableStream, 'data'), this.ended])
    }
  }

  /** Where it listens, for one that serves. */
  url(): Promise<string> {
    return this.says(/HTTP +(http:\S+)\n[^]*Keys /)
  }

  /** Ends it by a signal, and waits until it has ended. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal)
    return await this.ended
  }

  /** Its log so far: what it wrote to standard output. */
  get log(): string {
    return this.#stdout
  }
}
