#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { Command } from 'commander'
import type { ConformanceFlags } from './cli/conformance.ts'
import type { ServeFlags } from './cli/serve.ts'
import { version } from './version.ts'

// Whoever reads our words may leave; without a listener that would end the gateway.
process.stderr.on('error', () => {})

// Halves the time to the first answer from the second start on. Where the folder cannot be written, nothing is cached.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/switchyard'))

const program = new Command('switchyard')
  .description('An inference gateway: one typed contract between your services and every model provider')
  .version(version)

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

await program.parseAsync()
