import { setTimeout } from 'node:timers/promises'
import { createClient } from '@connectrpc/connect'
import { BatchService, BatchSchema, FileService, StoredFileSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { asList, asMap, asText } from '../../wire/case.ts'
import { behaviours } from './behaviours.ts'
import { inTurn, transports } from './calls.ts'
import { Client, type Heard, takeError, takeMessage } from './client.ts'
import { form, operations } from './operations.ts'
import type { Stage } from './stage.ts'

/** Who files things away at a running gateway. */
export interface Filing {
  readonly stage: Stage
  readonly url: string
  /** May keep files, and make batches. */
  readonly key: string
  /** May look at what that is for, and not more. */
  readonly other: string
}

/** What whoever filed it may see again. */
const shows = ['filed', 'filed answer']

/** Files and batches: their bytes, their names, their lines, what is answered to these, and what goes wrong with all of that. */
export async function fileAway(filing: Filing): Promise<void> {
  const { url, stage, key } = filing
  const files = new Files(filing)
  const { filed } = stage.canaries
  const bad = [
    'no json',
    `{"custom_id": "${filed.text}`,
    `{"custom_id": "x", "method": "GET", "url": "/${filed.text}"}`,
  ]
  const input = await files.upload(`${filed.text}.jsonl`, [...linesOf(stage), ...bad, ''].join('\n'))
  await files.refused()
  const metadata = { note: filed.text }
  const batches = await Promise.all([
    files.ask('/v1/batches', { input_file_id: input, endpoint: '/v1/nowhere', completion_window: '24h', metadata }),
    files.ask('/v1/inference/batch', { input_file_url: `file:${input}`, metadata }),
    files.ask('/v1/inference/batch', { input_file_url: `https://127.0.0.1/${filed.text}?key=${filed.text}`, metadata }),
    files.ask('/v1/inference/batch', {
      input_file_url: `s3://${filed.text}/in`,
      output_prefix: `s3://${filed.text}/out`,
    }),
  ])
  for (const batch of batches) await files.until(idOf(batch))
  const unread = await files.upload('unread.jsonl', Buffer.from([0xff, 0xfe, ...Buffer.from(filed.text)]))
  await files.until(idOf(await files.ask('/v1/inference/batch', { input_file_url: `file:${unread}` })))
  await files.readAll()
  await inTurn(
    Object.entries(transports(url, [key])).map(([name, transport]) => async () => {
      const batch = createClient(BatchService, transport).createBatch({ input, metadata, endpoint: filed.text })
      await batch.then(
        (made) => takeMessage(stage.evidence, `a batch over ${name}`, BatchSchema, made, shows),
        (error: unknown) => takeError(stage.evidence, `a batch over ${name}`, error, shows),
      )
      await files.overRpc(name, createClient(FileService, transport))
    }),
    1,
  )
}

/** Begins a batch, and an upload that breaks off; whatever comes of them. */
export async function beginBatch(filing: Filing): Promise<void> {
  const files = new Files(filing)
  const input = await files.upload('begun.jsonl', linesOf(filing.stage).join('\n')).catch(() => '')
  await files.ask('/v1/inference/batch', { input_file_url: `file:${input}` })
}

/** A line for each operation, and each way to fail. */
export function linesOf({ canaries }: Pick<Stage, 'canaries'>): string[] {
  const said = { prompt: canaries.filed.text, fileName: canaries.filed.text }
  const names = Object.keys(behaviours).filter((name) => !['hang', 'silent', 'drip'].includes(name))
  return operations.flatMap((ask, nth) =>
    names
      .filter((_name, at) => (at + nth) % 8 === 0 || nth === 0)
      .flatMap((name) => {
        const model = `openai/${ask.prefix ?? ''}${name}`
        const { body } = ask.send(model, said)
        if (body instanceof Uint8Array) return []
        const url = ask.path(encodeURIComponent(model))
        return [JSON.stringify({ custom_id: `${nth}-${name}-${said.prompt}`, method: 'POST', url, body })]
      }),
  )
}

function idOf({ text }: Heard): string {
  const answer = asMap(JSON.parse(text)) ?? {}
  return asText((asMap(answer['data']) ?? answer)['id'])
}

/** Files and batches over HTTP; every answer is evidence. */
class Files {
  readonly #client: Client
  readonly #filing: Filing

  constructor(filing: Filing) {
    this.#filing = filing
    this.#client = new Client(filing.stage.evidence, filing.url)
  }

  get #bearer() {
    return { authorization: `Bearer ${this.#filing.key}` }
  }

  ask(path: string, body?: object, method?: string): Promise<Heard> {
    return this.#client.ask(path, {
      headers: this.#bearer,
      shows,
      ...(body !== undefined && { body }),
      ...(method !== undefined && { method }),
    })
  }

  async upload(name: string, content: string | Uint8Array): Promise<string> {
    const { body, headers } = form({ purpose: 'batch' }, Buffer.from(content), name, 'application/jsonl')
    return idOf(await this.#client.ask('/v1/files', { body, headers: { ...headers, ...this.#bearer }, shows }))
  }

  /** Uploads that are not taken, whole ones and pieces. */
  async refused(): Promise<void> {
    const { filed, idempotencyKey } = this.#filing.stage.canaries
    const content = Buffer.from(filed.text)
    const { body, headers = {} } = form({ purpose: 'batch' }, content, `${filed.text}.txt`, 'text/plain')
    const whole = Buffer.from(body as Uint8Array)
    const keyed = { ...this.#bearer, 'idempotency-key': `${idempotencyKey.text}-files` }
    const bad = [
      form({ purpose: filed.text }, content, filed.text, filed.text),
      form({ purpose: 'batch' }, content, `../${filed.text}`, 'text/plain'),
      { body: whole.subarray(0, whole.length - 30), headers },
      { body: whole.subarray(0, 60), headers },
      { body: whole, headers: { 'content-type': `multipart/form-data; x=${filed.text}` } },
    ]
    for (const { body: sent, headers: type = {} } of bad)
      await this.#client.ask('/v1/files', { body: sent, headers: { ...type, ...this.#bearer }, shows })
    for (const sent of [whole, whole, whole.subarray(0, 100)])
      await this.#client.ask('/v1/files', { body: sent, headers: { ...headers, ...keyed }, shows })
    await this.#client.ask('/v1/files', { body: whole, headers: { ...headers, ...this.#bearer }, shows, leaveAfter: 1 })
    for (const path of ['/v1/files', '/v1/batches'])
      await this.#client.ask(path, { headers: { authorization: `Bearer ${this.#filing.other}` } })
  }

  /** Waits for a batch to end. */
  async until(id: string): Promise<void> {
    if (id === '') return
    for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(100))
      if (/"(?:completed|failed|cancelled|expired)_at":\d/.test((await this.ask(`/v1/batches/${id}`)).text)) return
    throw new Error(`the batch ${id} does not end`)
  }

  /** Everything that there is of files and batches, their bytes, and links to them; somebody else is told nothing of it. */
  async readAll(): Promise<void> {
    const other = { authorization: `Bearer ${this.#filing.other}` }
    const { text } = await this.ask('/v1/files')
    for (const id of asList(asMap(JSON.parse(text))?.['data']).map((file) => asText(asMap(file)?.['id'])))
      for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`]) {
        await this.ask(path)
        await this.#client.ask(path, { headers: other })
      }
    const listed = await this.ask('/v1/inference/batch')
    for (const [link = ''] of listed.text.matchAll(/\/media\/[^"\\]+/g)) {
      await this.#client.ask(link, { shows })
      await this.#client.ask(`${link}0`)
    }
    await this.ask('/v1/batches')
  }

  async overRpc(name: string, files: ReturnType<typeof createClient<typeof FileService>>): Promise<void> {
    const { stage } = this.#filing
    const { filed } = stage.canaries
    async function* pieces(size: bigint) {
      const file = { name: filed.text, purpose: 'batch', mediaType: 'text/plain', size }
      yield { kind: { case: 'file' as const, value: file } }
      yield { kind: { case: 'data' as const, value: Buffer.from(filed.text) } }
    }
    for (const size of [BigInt(filed.text.length), 1n])
      await files.uploadFile(pieces(size)).then(
        (file) => takeMessage(stage.evidence, `a file over ${name}`, StoredFileSchema, file, shows),
        (error: unknown) => takeError(stage.evidence, `a file over ${name}`, error, shows),
      )
  }
}
