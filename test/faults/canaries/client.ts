import { request as httpRequest } from 'node:http'
import { type DescMessage, type MessageShape, toBinary, toJsonString } from '@bufbuild/protobuf'
import { ConnectError } from '@connectrpc/connect'
import type { Evidence } from './evidence.ts'

/** An answer, whole. */
export interface Heard {
  readonly status: number
  readonly text: string
}

/** What is asked over HTTP. */
export interface Question {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object | string | Uint8Array
  /** Milliseconds after which the client leaves. */
  readonly leaveAfter?: number
  /** Canaries that its answer is there to show. */
  readonly shows?: readonly string[]
}

/** A client whose every answer is evidence: the head of it, and what came of its body until it left or was left. */
export class Client {
  readonly #evidence: Evidence
  readonly #url: string

  constructor(evidence: Evidence, url: string) {
    this.#evidence = evidence
    this.#url = url
  }

  /** Asks. Resolves also when the connection breaks; the status is then 0 or what had come. */
  ask(path: string, question: Question = {}): Promise<Heard> {
    const { method = question.body === undefined ? 'GET' : 'POST', headers = {}, body, leaveAfter, shows } = question
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const { promise, resolve } = Promise.withResolvers<Heard>()
    const asked = httpRequest(`${this.#url}${path}`, { method, headers: { ...type, ...headers }, agent: false })
    let status = 0
    const chunks: Buffer[] = []
    let head = ''
    const end = (): void => {
      const text = Buffer.concat(chunks)
      const what = `answers ${status}: ${method} ${path.split('?', 1)[0]}`
      this.#evidence.take(what, `${head}\n${text.toString('latin1')}`, shows)
      resolve({ status, text: text.toString() })
    }
    asked.on('response', (response) => {
      status = response.statusCode ?? 0
      head = `${response.statusMessage}\n${response.rawHeaders.join('\n')}`
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => undefined)
    })
    asked.on('error', () => undefined)
    asked.on('close', end)
    if (leaveAfter !== undefined) setTimeout(() => asked.destroy(), leaveAfter)
    asked.end(
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    )
    return promise
  }

  /** Calls a method of the contract in JSON. */
  async rpc(method: string, body: object, key: string, shows: readonly string[] = []): Promise<Heard> {
    return await this.ask(`/switchyard.v1.${method}`, { body, headers: { authorization: `Bearer ${key}` }, shows })
  }
}

/** What a failed call told: its words, its metadata, and the bytes of its details. */
export function takeError(evidence: Evidence, what: string, thrown: unknown, shows: readonly string[] = []): void {
  const error = ConnectError.from(thrown)
  const told = `${error.message}\n${[...error.metadata].join('\n')}`
  evidence.take(`errors: ${what}`, told, shows)
  for (const detail of error.details)
    if ('value' in detail && detail.value instanceof Uint8Array)
      evidence.take(`errors: a detail of ${what}`, detail.value, shows)
}

/** A message that came. */
export function takeMessage<Schema extends DescMessage>(
  evidence: Evidence,
  what: string,
  schema: Schema,
  message: MessageShape<Schema>,
  shows: readonly string[] = [],
): void {
  evidence.take(`messages: ${what}`, toBinary(schema, message), shows)
  evidence.take(`messages: ${what}`, toJsonString(schema, message), shows)
}
