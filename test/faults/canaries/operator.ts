import { setTimeout } from 'node:timers/promises'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { ServerReflection, ServerReflectionResponseSchema } from '#gen/grpc/reflection/v1/reflection_pb.ts'
import { RequestRecordSchema, UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { asList, asMap, asText } from '../../wire/case.ts'
import { inTurn } from './calls.ts'
import { canaryOf } from './canary.ts'
import { Client, type Heard, takeError, takeMessage } from './client.ts'
import { formats, others, type Stage, unreachable } from './stage.ts'

/** The part of a key that is secret: all behind its id. */
export function secretOf(token: string): string {
  return token.slice('sy_000000000000_'.length)
}

/** What an operator does with a running gateway: accounts and keys, providers, the request log, and all there is to read. */
export class Operator {
  readonly #stage: Stage
  readonly #url: string
  readonly #key: string
  readonly #client: Client

  constructor(stage: Stage, url: string, key: string) {
    this.#stage = stage
    this.#url = url
    this.#key = key
    this.#client = new Client(stage.evidence, url)
  }

  #rpc(method: string, body: object = {}, shows: readonly string[] = []): Promise<Heard> {
    return this.#client.rpc(method, body, this.#key, shows)
  }

  #read(path: string): Promise<Heard> {
    return this.#client.ask(path, { headers: { authorization: `Bearer ${this.#key}` } })
  }

  /** Makes an account and a key of it. The one answer that shows the key comes before it is looked for. */
  async makeKey(name: string, logContent: boolean, permissions: readonly string[]): Promise<string> {
    const account = await this.#rpc('KeyService/CreateAccount', { name, logContent })
    const accountId = field(account, 'id')
    const key = field(await this.#rpc('KeyService/CreateKey', { accountId, name, permissions }), 'secret')
    this.#stage.evidence.plant(canaryOf(name, secretOf(key)))
    return key
  }

  /** Reads and changes keys, with mistakes. */
  async keepKeys(): Promise<void> {
    await this.#rpc('KeyService/ListKeys')
    await this.#rpc('KeyService/ListAccounts')
    await this.#rpc('KeyService/CreateKey', { accountId: 'acc_nobody', name: 'x' })
    await this.#rpc('KeyService/CreateKey', { permissions: ['everything'] })
    await this.#rpc('KeyService/RevokeKey', { id: 'nobody' })
    await this.#rpc('KeyService/SetBudget', { period: 'BUDGET_PERIOD_DAY', limitNanoUsd: '1' })
    await this.#client.rpc('KeyService/ListKeys', {}, this.#stage.canaries.wrongKey.text)
  }

  /** Registers providers with keys of every source, with mistakes, and asks them for their models. */
  async keepProviders(): Promise<void> {
    const { canaries, upstream, folder } = this.#stage
    const key = canaries.storedKey.text
    const at = `${upstream.url}/openai`
    const stored = { name: 'stored', type: 'openai', baseUrl: at, apiKey: key }
    const requests: readonly object[] = [
      stored,
      stored,
      { ...stored, name: 'stored-far', type: 'remote', baseUrl: this.#stage.far.url },
      { ...stored, name: 'x', type: 'no-such-type' },
      { ...stored, name: 'x', baseUrl: `http://user:${key}@127.0.0.1/` },
      { ...stored, name: 'x', baseUrl: key },
      { ...stored, name: 'x', envVar: 'UP_API_KEY' },
      { ...stored, name: 'x', settings: { headers: { authorization: 1 }, [key]: key } },
      { ...stored, name: 'x', apiKey: undefined, envVar: key },
      { ...stored, name: 'x', apiKey: undefined, envVar: 'SWITCHYARD_MASTER_KEY' },
      { ...stored, name: 'x', apiKey: undefined, keyFile: `${folder}/config.yaml` },
      { ...stored, name: 'x', apiKey: undefined, keyFile: `/run/secrets/${key}` },
      { ...stored, name: 'filed', apiKey: undefined, keyFile: `${folder}/secrets/key` },
      { ...stored, name: '', apiKey: [key] },
      { ...stored, name: 'long', apiKey: key.repeat(5000) },
    ]
    // What is wrong with what was sent may be told to whoever sent it.
    const shows = ['provider key that is stored']
    for (const request of requests) {
      await this.#rpc('RegistryService/CreateProvider', request, shows)
      await this.#client.ask('/api/v1/inference/providers', {
        body: request,
        headers: { authorization: `Bearer ${this.#key}` },
        shows,
      })
    }
    await this.#rpc('RegistryService/UpdateProvider', { idOrName: 'stored', apiKey: key, defaultModel: 'well' })
    await this.#rpc('RegistryService/UpdateProvider', { idOrName: 'stored', baseUrl: at })
    await this.#rpc('RegistryService/GetProvider', { idOrName: 'stored' })
    for (const provider of ['stored', 'stored-far', 'far', 'wild', 'nobody', ...formats, ...others, ...unreachable]) {
      await this.#rpc('RegistryService/SyncModels', { provider })
      await this.#client.ask('/api/v1/inference/models/sync', {
        body: { provider },
        headers: { authorization: `Bearer ${this.#key}` },
      })
    }
    await this.#rpc('RegistryService/SetAlias', {
      alias: { name: 'kept', targets: [{ provider: 'stored', model: 'well' }] },
    })
    await this.#rpc('RegistryService/DeleteProvider', { idOrName: 'stored-far' })
  }

  /** Reads everything that there is to be read. `shows` is what the request log is there to show. */
  async readAll(shows: readonly string[] = []): Promise<void> {
    const pages = ['/', '/docs', '/docs/', '/openapi.json', '/metrics', '/livez', '/readyz', '/healthz', '/favicon.ico']
    const listings = ['/v1/models', '/v1beta/models', '/v1/models/openai/well', '/api/v1/inference/models']
    const records = [
      '/api/v1/inference/providers',
      '/api/v1/inference/usage?limit=1000',
      '/api/v1/inference/usage?cursor=x',
    ]
    const steps = [
      ...[...pages, ...listings, ...records].map((path) => () => this.#read(path)),
      ...['ListProviders', 'ListAliases'].map((method) => () => this.#rpc(`RegistryService/${method}`)),
      () => this.#rpc('InferenceService/ListModels'),
      () => this.#rpc('UsageService/QueryUsage', { groupBy: ['USAGE_DIMENSION_PROVIDER', 'USAGE_DIMENSION_ALIAS'] }),
      () => this.#rpc('UsageService/GetLiveStats'),
      () => this.#readRows(shows),
    ]
    await inTurn(steps, 8)
    await this.#reflect()
  }

  /** Some of the rows that were written last, one by one. */
  async #readRows(shows: readonly string[]): Promise<void> {
    const { text } = await this.#rpc('UsageService/ListRequests', { limit: 1000 })
    const rows = asList(asMap(JSON.parse(text))?.['requests'])
    const some = rows.filter((_row, at) => at % Math.ceil(rows.length / 40) === 0)
    for (const id of some.map((row) => asText(asMap(row)?.['id']))) {
      await this.#rpc('UsageService/GetRequest', { id }, shows)
      const headers = { authorization: `Bearer ${this.#key}` }
      await this.#client.ask(`/api/v1/inference/requests/${id}`, { headers, shows })
    }
  }

  async #reflect(): Promise<void> {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: this.#url }))
    async function* questions() {
      yield { messageRequest: { case: 'listServices' as const, value: '' } }
      yield { messageRequest: { case: 'fileContainingSymbol' as const, value: 'switchyard.v1.InferenceService' } }
    }
    const { evidence } = this.#stage
    for await (const answer of client.serverReflectionInfo(questions()))
      takeMessage(evidence, 'reflection', ServerReflectionResponseSchema, answer)
  }

  /** Follows the request log until it is told to stop, or until the gateway ends. */
  follow(signal: AbortSignal): Promise<void> {
    const { evidence } = this.#stage
    const usage = createClient(UsageService, createGrpcTransport({ baseUrl: this.#url }))
    const headers = { authorization: `Bearer ${this.#key}` }
    const read = async (): Promise<void> => {
      for await (const row of usage.tailRequests({}, { signal, headers }))
        takeMessage(evidence, 'the request log as it is followed', RequestRecordSchema, row)
    }
    return read().catch((error: unknown) => takeError(evidence, 'following the request log', error))
  }

  /** Waits until the gateway answers a question about its store, or so long. */
  async untilTheStoreAnswers(milliseconds: number): Promise<boolean> {
    for (const end = Date.now() + milliseconds; Date.now() < end; await setTimeout(100))
      if ((await this.#rpc('KeyService/ListKeys')).status === 200) return true
    return false
  }
}

function field({ status, text }: Heard, name: string): string {
  const value = asText(asMap(JSON.parse(text))?.[name])
  if (value === '') throw new Error(`${status} has no ${name}: ${text.slice(0, 300)}`)
  return value
}
