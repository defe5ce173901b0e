import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { inTurn } from './calls.ts'
import { Switchyard } from './process.ts'
import type { Stage } from './stage.ts'

/** Where a gateway runs, and how its store is reached. */
export interface Place {
  readonly url: string
  readonly key: string
  readonly dataDir: string
  /** Of PostgreSQL; a file in the data folder without. */
  readonly databaseUrl: string | undefined
}

/** Arguments and variables of a process. */
type Command = readonly [args: readonly string[], env: Readonly<Record<string, string>>]

/** Every command beside `serve`, with what they may meet; one in three of them unless it is to be thorough. */
export async function runCommands(stage: Stage, place: Place, thorough: boolean): Promise<void> {
  const commands = [...asking(stage, place), ...onTheStore(stage, place), ...examining(stage, place)]
  const chosen = commands.filter((_command, at) => thorough || at % 3 === 0)
  const run = ([args, env]: Command) => {
    // Who examines a model is told what it said.
    const shows = args[0] === 'conformance' ? ['answer'] : []
    return new Switchyard(args, { ...stage, env, shows }).ended
  }
  await inTurn(
    chosen.map((command) => () => run(command)),
    2,
  )
}

/** Commands that ask a running gateway. */
function asking({ canaries }: Stage, { url, key }: Place): Command[] {
  const asks = { SWITCHYARD_URL: url, SWITCHYARD_API_KEY: key }
  const wrong = { ...asks, SWITCHYARD_API_KEY: canaries.wrongKey.text }
  const nowhere = { ...asks, SWITCHYARD_URL: 'http://127.0.0.1:9' }
  const noUrl = { ...asks, SWITCHYARD_URL: `http://x:${canaries.wrongKey.text}@` }
  const formats = ['table', 'csv', 'json'].map((format) => ['usage', '--by', 'provider,alias', '--format', format])
  return [
    ...formats.map((args): Command => [args, asks]),
    ...[wrong, nowhere, noUrl].flatMap((env): Command[] => [
      [['tail'], env],
      [['usage'], env],
      [['batch', 'list'], env],
    ]),
  ]
}

/** Commands on the store itself. */
function onTheStore(stage: Stage, { dataDir, databaseUrl }: Place): Command[] {
  const { canaries, folder, env } = stage
  const store = ['--config', stage.config, '--data-dir', dataDir]
  const elsewhere = ['--config', stage.config, '--data-dir', join(folder, 'restored')]
  const own = { ...env, ...(databaseUrl !== undefined && { SWITCHYARD_DATABASE_URL: databaseUrl }) }
  const damaged = join(folder, 'damaged.gz')
  writeFileSync(damaged, gzipSync(`{"switchyard": "backup", "format": 1}\n{"${canaries.prompt.text}`))
  const wrongFile = file(folder, `keys: [{ id: a, hash: ${canaries.wrongKey.text} }]`)
  return [
    [['backup', join(folder, 'backup'), ...store], own],
    [['restore', damaged, ...elsewhere], env],
    [['restore', join(folder, 'nothing'), ...elsewhere], env],
    [['keys', 'list', ...store], own],
    [['keys', 'revoke', 'nobody', ...store], own],
    [['keys', 'create', '--days', 'x', ...store], own],
    [['keys', 'create', '--account', 'nobody', ...store], own],
    [['accounts', 'list', ...store], own],
    [['migrate', ...store], own],
    [['usage', 'rerate', ...store], own],
    [['keys', 'list', '--config', wrongFile], own],
    ...brokenStores(canaries.wrongPassword.text).map((url): Command => {
      return [['keys', 'list', ...store], { ...own, SWITCHYARD_DATABASE_URL: url }]
    }),
  ]
}

/** URLs of databases that are not there, or do not let us in. */
function brokenStores(password: string): string[] {
  return [
    `postgres://nobody:${password}@127.0.0.1:9/nothing`,
    `postgres://nobody:${password}%ZZ@127.0.0.1:9/nothing`,
    `postgres://nobody:${password}@127.0.0.1:99999/nothing`,
    `mysql://nobody:${password}@127.0.0.1/nothing`,
    `postgres://nobody:${password}@127.0.0.1:9/nothing?sslmode=verify-full&sslrootcert=/no/such/file`,
    `postgres://nobody:${password}@${'x'.repeat(64)}.invalid/nothing`,
    `postgres:${password}`,
  ]
}

/** Examinations, of what is there and of what is not. */
function examining({ canaries, env, upstream }: Stage, { url }: Place): Command[] {
  const examine = (...args: readonly string[]): Command => [['conformance', ...args, '--timeout', '2'], env]
  const key = ['--key-variable', 'UP_API_KEY', '--json']
  return [
    examine('openai', '--base-url', `${upstream.url}/openai`, '--model', 'garbage', ...key),
    examine('anthropic', '--base-url', `${upstream.url}/anthropic`, '--model', '401', ...key),
    examine(url, '--model', 'openai/well', '--key-variable', 'UP_API_KEY'),
    examine('openai', '--base-url', `http://x:${canaries.wrongKey.text}@127.0.0.1`),
    examine('openai', '--settings', `{"${canaries.wrongKey.text}"`),
  ]
}

let files = 0

/** A configuration file of these words. */
function file(folder: string, yaml: string): string {
  const path = join(folder, `broken-${++files}.yaml`)
  writeFileSync(path, yaml)
  return path
}

/** Starts that are refused, with secrets where they do not belong; one in three of them unless it is to be thorough. */
export async function startInVain(stage: Stage, thorough: boolean): Promise<void> {
  const chosen = refusedStarts(stage).filter((_start, at) => thorough || at % 3 === 0)
  const serve = async ([args, env]: Command): Promise<void> => {
    const dataDir = args.includes('--data-dir') ? [] : ['--data-dir', join(stage.folder, `taken-${++files}`)]
    const started = new Switchyard(['serve', '--port', '0', ...dataDir, ...args], {
      ...stage,
      env: { ...stage.env, ...env },
    })
    // One that starts in spite of everything is stopped.
    await started.url().then(
      () => started.end('SIGTERM'),
      () => undefined,
    )
    await started.ended
  }
  await inTurn(
    chosen.map((start) => () => serve(start)),
    2,
  )
}

function refusedStarts({ canaries, folder, config }: Stage): Command[] {
  const secret = canaries.wrongKey.text
  const by = (yaml: string): Command => [['--config', file(folder, yaml)], {}]
  const provider = (more: string): Command => by(`providers: [{ name: a, type: openai, ${more} }]`)
  const account = join(folder, 'account.json')
  writeFileSync(account, `{"private_key": ${secret}`)
  const vertex = `{ name: a, type: vertex, settings: { project: p, location: l, credentials_file: ${account} } }`
  return [
    by(`providers: [${vertex}]`),
    provider(`env_var: ${secret}`),
    provider(`api_key: ${secret}`),
    [['--config', config], { SWITCHYARD_MASTER_KEY: secret }],
    provider(`base_url: "https://${secret}@127.0.0.1"`),
    provider(`settings: { headers: { authorization: [${secret}] } }`),
    by(`keys: ["${secret}`),
    provider(`settings: { api_key: ${secret} }`),
    provider(`key_file: ${folder}/config.yaml`),
    [['--config', config], { SWITCHYARD_MASTER_KEY: `a:${secret},a:${secret}` }],
    by(`keys: [{ id: a, hash: "${secret}" }]`),
    by(`secrets: { allowed_env: ["${secret}!"] }`),
    by(`api_key: ${secret}`),
    [['--config', config], { UP_API_KEY: '' }],
    [['--config', config, '--data-dir', config], {}],
  ]
}
