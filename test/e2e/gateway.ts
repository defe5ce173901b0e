import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll } from 'vitest'
import { type Answered, ask } from '../faults/client.ts'
import { type FaultyGateway, type GatewayChoices, openGateway } from '../faults/gateway.ts'

/** A gateway for all tests of a file: started at once, stopped after the last of them. */
export async function sharedGateway(choices: GatewayChoices = {}): Promise<FaultyGateway> {
  // Nothing else ends the wait of a module that awaits.
  const late = setTimeout(20_000, undefined, { ref: false }).then(() => Promise.reject(new Error('it did not start')))
  const gateway = await Promise.race([openGateway(choices), late])
  afterAll(() => gateway[Symbol.asyncDispose]())
  return gateway
}

/** An entry of `keys` in the configuration, which knows a key by its hash alone. */
export function keyEntry(id: string, secret: string, rule: object = {}): object {
  return { id, hash: `sha256:${createHash('sha256').update(secret).digest('hex')}`, ...rule }
}

/** The header that shows a key. */
export function bearer(secret: string): { authorization: string } {
  return { authorization: `Bearer ${secret}` }
}

/** The official SDK, asking the gateway; it retries nothing unless it is told to. */
export function openaiSdk({ url }: FaultyGateway, apiKey = 'sk-none'): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
}

/** A conversation of one message. */
export function saying(content: string): { role: 'user'; content: string }[] {
  return [{ role: 'user', content }]
}

/** An answer whose body is JSON. */
export interface JsonAnswer extends Answered {
  readonly json: unknown
}

/** Sends a JSON body and reads an answer that has to be JSON too. */
export async function askJson(...request: Parameters<typeof ask>): Promise<JsonAnswer> {
  const answered = await ask(...request)
  expectJson(answered)
  return { ...answered, json: JSON.parse(answered.text) }
}

/** Asks without a body and reads an answer that has to be JSON. */
export async function getJson(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<JsonAnswer> {
  const answer = await fetch(url, { method, headers })
  const text = await answer.text()
  const answered = { status: answer.status, headers: Object.fromEntries(answer.headers), text }
  expectJson(answered)
  return { ...answered, json: JSON.parse(text) }
}

function expectJson({ status, headers, text }: Answered): void {
  if (headers['content-type'] === 'application/json') return
  throw new Error(`${status} ${String(headers['content-type'])} is not JSON: ${text.slice(0, 500)}`)
}
