import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canaryOf, plant } from './canary.ts'
import { type Collector, startCollector } from './collector.ts'
import { Evidence } from './evidence.ts'
import { type FarProvider, startFarProvider } from './far.ts'
import { type BlurtingUpstream, startBlurtingUpstream, type WordsOf } from './upstream.ts'

/** What must stay inside, or is seen by its caller alone. */
export function plantCanaries() {
  const masterKey = randomBytes(32)
  return {
    /** What is asked of a model, by an account whose content nobody keeps. */
    prompt: plant('prompt', 5),
    /** What the model says. */
    answer: plant('answer', 5),
    /** What is asked by an account that wants it kept. */
    keptPrompt: plant('kept prompt', 5),
    /** What a recording is called by whoever sends it. */
    fileName: plant('file name'),
    /** What is in a file, or a line of a batch, and what such a file is called. */
    filed: plant('filed', 5),
    /** What is answered to a line of a batch, or to who may ask again. */
    filedAnswer: plant('filed answer', 5),
    /** What a request is known by when it is sent again. */
    idempotencyKey: plant('idempotency key'),
    variableKey: plant('provider key of a variable'),
    fileKey: plant('provider key of a file'),
    storedKey: plant('provider key that is stored'),
    signingKey: plant('key that requests are signed with'),
    farKey: plant('key of a remote provider'),
    bridgeKey: plant('key of a bridged provider'),
    wildKey: plant('key of a wild plugin'),
    /** Of a caller, by its hash in the configuration. */
    configuredKey: plant('configured gateway key'),
    wrongKey: plant('gateway key that is not known'),
    databasePassword: plant('password of the database'),
    wrongPassword: plant('wrong password of the database'),
    collectorToken: plant('token of the collector'),
    masterKey: { text: masterKey.toString('base64'), ...canaryOf('master key', masterKey.toString('base64')) },
    masterKeyBytes: canaryOf('bytes of the master key', masterKey),
  }
}

/** All canaries, by what they are. */
export type Canaries = ReturnType<typeof plantCanaries>

/** Everything around a gateway: what it asks, what it tells, and what is looked for in all of that. */
export interface Stage extends AsyncDisposable {
  readonly canaries: Canaries
  readonly evidence: Evidence
  readonly folder: string
  readonly upstream: BlurtingUpstream
  readonly far: FarProvider
  readonly collector: Collector
  /** Path of the configuration. */
  readonly config: string
  /** The variables of a gateway, but for its store. */
  readonly env: Readonly<Record<string, string>>
}

/** The providers of the configuration, by name, and how their upstreams are reached. */
export const formats = ['openai', 'anthropic', 'gemini', 'bedrock', 'cohere', 'mistral'] as const
/** Providers that have no format of their own to answer in, or speak it by other means. */
export const others = ['responses', 'ollama', 'bridge'] as const
/** Providers that are never reached. */
export const unreachable = ['refused', 'untrusted', 'nameless', 'far-away'] as const

/** Sets the stage: a configuration, an upstream that cannot keep a secret, a collector of traces. */
export async function setStage(): Promise<Stage> {
  const canaries = plantCanaries()
  const evidence = new Evidence(Object.values(canaries))
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-canaries-'))
  const upstream = await startBlurtingUpstream(wordsOf(canaries))
  const far = await startFarProvider({ prompt: canaries.prompt.text, answer: canaries.answer.text })
  const collector = await startCollector(evidence)
  const secrets = join(folder, 'secrets')
  mkdirSync(secrets)
  writeFileSync(join(secrets, 'key'), `${canaries.fileKey.text}\n`)
  const config = join(folder, 'config.yaml')
  // Every JSON text is YAML.
  writeFileSync(config, JSON.stringify(configuration({ canaries, upstream, far, secrets })))
  return {
    canaries,
    evidence,
    folder,
    upstream,
    far,
    collector,
    config,
    env: {
      UP_API_KEY: canaries.variableKey.text,
      SIGNING_API_KEY: canaries.signingKey.text,
      FAR_API_KEY: canaries.farKey.text,
      BRIDGE_API_KEY: canaries.bridgeKey.text,
      WILD_API_KEY: canaries.wildKey.text,
      SWITCHYARD_MASTER_KEY: canaries.masterKey.text,
      SWITCHYARD_LOG_LEVEL: 'trace',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${canaries.collectorToken.text}`,
      OTEL_BSP_SCHEDULE_DELAY: '200',
    },
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await far.close()
      await collector.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What is in the request for an upstream to give its answer the words that may be kept. */
export const keepsAnswer = 'keep the answer'

/** What an upstream quotes of a request, and what it answers: other words where those are there to be kept, as films are. */
function wordsOf({ prompt, answer, fileName, filed, filedAnswer }: Canaries): WordsOf {
  return (path, body) => {
    const isFiled = body.includes(filed.text) || path.includes('/videos/')
    const asked = isFiled ? filed.text : prompt.text
    return {
      prompt: body.includes(fileName.text) ? `${asked}, called ${fileName.text}` : asked,
      answer: isFiled || body.includes(keepsAnswer) ? filedAnswer.text : answer.text,
    }
  }
}

interface Surroundings {
  readonly canaries: Canaries
  readonly upstream: BlurtingUpstream
  readonly far: FarProvider
  readonly secrets: string
}

/** How long a call may wait for its provider here, in milliseconds. */
export const patience = 400

function configuration({ canaries, upstream, far, secrets }: Surroundings): object {
  const hash = createHash('sha256').update(canaries.configuredKey.text).digest('hex')
  const key = { env_var: 'UP_API_KEY' }
  const at = (format: string, base = upstream.url): object => ({ base_url: `${base}/${format}` })
  const bridged = { package: '@ai-sdk/openai-compatible', options: { name: 'acme', includeUsage: true } }
  const byFormat: Readonly<Record<string, object>> = {
    gemini: { key_file: join(secrets, 'key') },
    bedrock: { env_var: 'SIGNING_API_KEY', settings: { region: 'eu-central-1', access_key_id: 'AKIDEXAMPLE' } },
  }
  return {
    server: { host: '127.0.0.1', port: 0, drain_seconds: 1, body_limit_bytes: 65_536 },
    timeouts: {
      connect: '500ms',
      first_event: patience / 1000,
      between_events: patience / 1000,
      request_body: '300ms',
      // What makes pictures and sound has no other timer.
      total: '2s',
    },
    retries: { per_target: 0 },
    keys: [{ id: 'configured', hash: `sha256:${hash}` }],
    secrets: { allowed_files: [`${secrets}/*`] },
    plugins: [join(import.meta.dirname, 'wild-plugin.ts')],
    ledger: { max_spool_bytes: 1024 * 1024 },
    batches: { poll: '100ms', tries: 2, pause: '50ms', longest_pause: '50ms' },
    videos: { poll: '50ms', lease: '1s', deadline: '3s' },
    providers: [
      ...formats.map((name) => ({ name, type: name, ...at(name), ...(byFormat[name] ?? key) })),
      { name: 'responses', type: 'openai', ...at('openai'), ...key, settings: { api: 'responses' } },
      { name: 'ollama', type: 'ollama', ...at('ollama'), ...key },
      { name: 'completing', type: 'vllm', ...at('openai'), ...key },
      { name: 'bridge', type: 'ai-sdk', ...at('openai'), env_var: 'BRIDGE_API_KEY', settings: bridged },
      { name: 'far', type: 'remote', base_url: far.url, env_var: 'FAR_API_KEY' },
      { name: 'wild', type: 'wild', env_var: 'WILD_API_KEY' },
      { name: 'refused', type: 'openai', base_url: 'http://127.0.0.1:9/v1', ...key },
      { name: 'untrusted', type: 'openai', ...at('openai', upstream.tlsUrl), ...key },
      // Too long a name to be asked of any server.
      { name: 'nameless', type: 'openai', base_url: `http://${'x'.repeat(64)}.invalid`, ...key },
      { name: 'far-away', type: 'remote', base_url: 'http://127.0.0.1:9', env_var: 'FAR_API_KEY' },
    ],
    aliases: {
      spare: ['openai/401', 'openai/503', 'openai/well'],
      hopeless: ['openai/garbage', 'anthropic/503', 'gemini/401'],
    },
  }
}
