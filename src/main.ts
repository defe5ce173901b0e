#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { Command } from 'commander'
import type { ListFlags, SubmitFlags } from './cli/batch.ts'
import type { ConformanceFlags } from './cli/conformance.ts'
import type { CreateKeyFlags } from './cli/keys.ts'
import type { StoreFlags } from './cli/on-store.ts'
import type { RerateFlags } from './cli/rerate.ts'
import type { GatewayFlags } from './cli/rpc-client.ts'
import type { ServeFlags } from './cli/serve.ts'
import type { TailFlags } from './cli/tail.ts'
import type { UsageFlags } from './cli/usage.ts'
import { version } from './version.ts'

// Whoever reads our words may leave; without a listener that would end the gateway.
process.stderr.on('error', () => {})

// Halves the time to the first answer from the second start on. Where the folder cannot be written, nothing is cached.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/switchyard'))

const program = new Command('switchyard')
  .description('An inference gateway: one typed contract between your services and every model provider')
  .version(version)
  // Whoever reads an answer may have seen enough of it; any other reason not to write it is told. A gateway answers nobody there.
  .hook('preAction', (_program, command) => {
    if (command.name() !== 'serve') process.stdout.on('error', endUnread)
  })
  // What stands after a command is that command's, also where the one above it has an option of that name.
  .enablePositionalOptions()

program
  .command('serve')
  .description('run the gateway until SIGTERM or SIGINT')
  .option('-c, --config <file>', 'configuration file, YAML (SWITCHYARD_CONFIG)')
  .option('--host <address>', 'address to listen on (SWITCHYARD_HOST; default: 127.0.0.1)')
  .option('--port <number>', 'port to listen on, 0 for a free one (SWITCHYARD_PORT; default: 3000)')
  .option('--data-dir <folder>', 'where to keep data (SWITCHYARD_DATA_DIR; default: .switchyard)')
  .option(
    '--log-level <level>',
    'trace, debug, info, warn, error, fatal or silent (SWITCHYARD_LOG_LEVEL; default: info)',
  )
  .option('--simulate', 'let the simulator answer for every model name that no provider claims (SWITCHYARD_SIMULATE=1)')
  .action(async (flags: ServeFlags) => {
    const { serve } = await import('./cli/serve.ts')
    process.exit(await serve(flags, process))
  })

program
  .command('conformance')
  .description(
    'examine a plugin (type, path or package), a remote provider (grpc://host:port) or a gateway (http://host:port)',
  )
  .argument('<target>', 'what to examine')
  .option('-m, --model <name>', "the model to ask; a plugin's default, or the first one listed")
  .option('--settings <json>', "the plugin's own settings, as JSON")
  .option('--base-url <url>', "where the plugin's upstream is")
  .option('--key-variable <name>', 'environment variable that holds the key')
  .option('--timeout <seconds>', 'how long one check may take', '30')
  .option('--json', 'write the scorecard as JSON')
  .action(async (target: string, flags: ConformanceFlags) => {
    const { conformance } = await import('./cli/conformance.ts')
    process.exitCode = await conformance(target, flags, process)
  })

const storeOptions = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration file, YAML (SWITCHYARD_CONFIG)')
    .option('--data-dir <folder>', 'where data is kept (SWITCHYARD_DATA_DIR; default: .switchyard)')

const keys = program.command('keys').description('make, list and revoke keys, in the store itself')
storeOptions(keys.command('create').description('make a key and print it, this once'))
  .option('--admin', 'let it do everything')
  .option('--name <name>', 'what it is for')
  .option('--account <id>', 'the account it is of (default: default)')
  .option('--permissions <list>', 'what it may do, joined by comma (default: models:use)')
  .option('--models <list>', 'model names or prefixes ending in "*", joined by comma (default: all)')
  .option('--days <number>', 'days until it expires (default: never)')
  .action(async (flags: CreateKeyFlags) => {
    process.exitCode = await (await import('./cli/keys.ts')).createKey(flags, process)
  })
storeOptions(keys.command('list').description('list all keys')).action(async (flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/keys.ts')).listKeys(flags, process)
})
storeOptions(keys.command('revoke').description('revoke a key').argument('<id>', 'of the key')).action(
  async (id: string, flags: StoreFlags) => {
    process.exitCode = await (await import('./cli/keys.ts')).revokeKey(id, flags, process)
  },
)

const accounts = program.command('accounts').description('make and list accounts, in the store itself')
storeOptions(
  accounts.command('create').description('make an account and print its id').argument('<name>', 'of it'),
).action(async (name: string, flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/keys.ts')).createAccount(name, flags, process)
})
storeOptions(accounts.command('list').description('list all accounts')).action(async (flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/keys.ts')).listAccounts(flags, process)
})

const secrets = program.command('secrets').description('the keys to providers that are kept in the store')
storeOptions(
  secrets
    .command('rotate')
    .description('seal them again with the first key of SWITCHYARD_MASTER_KEY, so that the others can be taken away'),
).action(async (flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/secrets.ts')).rotate(flags, process)
})

storeOptions(program.command('migrate').description('bring the store up to date, as starting the gateway does')).action(
  async (flags: StoreFlags) => {
    process.exitCode = await (await import('./cli/store.ts')).migrate(flags, process)
  },
)
storeOptions(
  program
    .command('backup')
    .description('write all of the store to a file, while it is in use')
    .argument('<file>', 'must not exist; JSON lines, compressed by gzip'),
).action(async (file: string, flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/store.ts')).backup(file, flags, process)
})
storeOptions(
  program
    .command('restore')
    .description('read a backup into an empty store, which may be of the other kind')
    .argument('<file>', 'what backup wrote'),
).action(async (file: string, flags: StoreFlags) => {
  process.exitCode = await (await import('./cli/store.ts')).restore(file, flags, process)
})

const usage = program
  .command('usage')
  .description('show what was used, by any dimension, of a running gateway (key: SWITCHYARD_API_KEY)')
  .option('--since <time>', 'a date, a time, or how long ago: 2026-03-01, 24h, 7d', '7d')
  .option('--until <time>', 'likewise; not included')
  .option(
    '--by <dimensions>',
    'provider, model, alias, key, account, operation, dialect, status, hour, day or month, joined by comma',
    'day',
  )
  .option('--format <format>', 'table, csv or json', 'table')
  .option('--url <url>', 'the gateway (SWITCHYARD_URL; default: http://127.0.0.1:3000)')
  .action(async (flags: UsageFlags) => {
    process.exitCode = await (await import('./cli/usage.ts')).usage(flags, process)
  })

storeOptions(
  usage.command('rerate').description('compute costs anew by the price list of this version, in the store itself'),
)
  .option('--since <time>', 'only calls since: a date, a time, or how long ago (default: all)')
  .option('--as-of <date>', "by the prices of that time (default: of each call's own)")
  .action(async (flags: RerateFlags) => {
    process.exitCode = await (await import('./cli/rerate.ts')).rerate(flags, process)
  })

program
  .command('tail')
  .description('follow the request log of a running gateway (key: SWITCHYARD_API_KEY)')
  .option('--provider <name>', 'only calls to this provider')
  .option('--model <name>', 'only calls to this upstream model')
  .option('--key <id>', 'only calls by this key')
  .option('--status <status>', 'only ok, error or cancelled')
  .option('--json', 'a JSON object for each call')
  .option('--url <url>', 'the gateway (SWITCHYARD_URL; default: http://127.0.0.1:3000)')
  .action(async (flags: TailFlags) => {
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    process.exitCode = await (await import('./cli/tail.ts')).tail(flags, process, stop.signal)
  })

const urlOption = ['--url <url>', 'the gateway (SWITCHYARD_URL; default: http://127.0.0.1:3000)'] as const
const batch = program
  .command('batch')
  .description('many requests as one job, at a running gateway (key: SWITCHYARD_API_KEY)')

/** Aborted when whoever watches has seen enough. */
function untilInterrupted(): AbortSignal {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  return stop.signal
}

batch
  .command('submit')
  .description('make a batch and print its id')
  .argument('<input>', 'JSON lines: a file here, the id of one the gateway has, or an https:// or s3:// URL')
  .option('--endpoint <path>', 'the path that every line asks for (default: any)')
  .option('--window <time>', 'how long it may take, such as 24h')
  .option('--output-prefix <url>', 'where results are written as well, s3://')
  .option('--metadata <pair...>', 'name=value, to be found again')
  .option('--watch', 'show how it gets on until it ends')
  .option(...urlOption)
  .action(async (input: string, flags: SubmitFlags) => {
    process.exitCode = await (await import('./cli/batch.ts')).submitBatch(input, flags, process, untilInterrupted())
  })
batch
  .command('list')
  .description('list batches, newest first')
  .option('--status <status>', 'only those that stand there: in_progress, completed, failed or another')
  .option('--limit <number>', 'at most so many', '20')
  .option(...urlOption)
  .action(async (flags: ListFlags) => {
    process.exitCode = await (await import('./cli/batch.ts')).listBatches(flags, process)
  })
batch
  .command('watch')
  .description('show how a batch gets on until it ends; exits with 1 unless it is completed then')
  .argument('<id>', 'of the batch')
  .option(...urlOption)
  .action(async (id: string, flags: GatewayFlags) => {
    process.exitCode = await (await import('./cli/batch.ts')).watchBatch(id, flags, process, untilInterrupted())
  })
batch
  .command('cancel')
  .description('cancel a batch; what is done is kept')
  .argument('<id>', 'of the batch')
  .option(...urlOption)
  .action(async (id: string, flags: GatewayFlags) => {
    process.exitCode = await (await import('./cli/batch.ts')).cancelBatch(id, flags, process)
  })

await program.parseAsync().catch(async (error: unknown) => {
  // Node would write down all fields of the error, and what it was quoting.
  const { loggedError } = await import('./error/index.ts')
  process.stderr.write(`switchyard: an unexpected error: ${JSON.stringify(loggedError(error), null, 2)}\n`)
  process.exitCode = 1
})

function endUnread({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit()
  process.stderr.write(`switchyard: the answer cannot be written: ${message}\n`)
  process.exit(1)
}
