import { type Config, ConfigError, type ConfigFlags, loadConfig } from '../config/load.ts'
import type { RunningGateway } from '../gateway.ts'
import { type Log, openLog } from './log.ts'
import { startScreen } from './start-screen.ts'

/** What `switchyard serve` takes on the command line. */
export interface ServeFlags extends ConfigFlags {
  readonly config?: string | undefined
}

/** What a command needs of the process it runs in. */
export type Surroundings = Pick<NodeJS.Process, 'env' | 'stderr' | 'on' | 'exit'>

/**
 * Runs the gateway until SIGTERM or SIGINT, and resolves with the exit code when everything is over: 0 after a drain, 1 when
 * it could not start, with the reason on standard error. The log goes to standard output, all other words to standard
 * error. A second signal, or an error that nobody caught, ends the process with code 1.
 */
export async function serve(flags: ServeFlags, surroundings: Surroundings): Promise<number> {
  const say = (text: string): void => void surroundings.stderr.write(`${text}\n`)
  try {
    const config = loadConfig({ path: flags.config, env: surroundings.env, flags })
    const log = openLog(config.log.level, (fault) => say(`switchyard: the log cannot be written: ${fault.message}`))
    return await run(config, log, surroundings, say)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    say(error.message)
    return 1
  }
}

type Say = (text: string) => void

async function run(config: Config, log: Log, surroundings: Surroundings, say: Say): Promise<number> {
  endOnUncaughtErrors(log, surroundings, say)
  const stopRequested = awaitStopSignal(log, surroundings)
  try {
    const gateway = await start(config, log, surroundings)
    if (gateway instanceof Error) {
      say(`switchyard: ${firstLine(gateway)}`)
      return 1
    }
    say(startScreen(gateway))
    const signal = await stopRequested
    const patience = `waiting up to ${config.server.drain_seconds} s for calls in progress`
    say(`switchyard: ${signal}, ${patience}; a second signal ends at once`)
    return await stop(gateway, log)
  } finally {
    await log.close()
  }
}

/** The running gateway, or why there is none. It is loaded only now, so that a bad configuration is told without delay. */
async function start(config: Config, log: Log, { env }: Surroundings): Promise<RunningGateway | Error> {
  try {
    const { startGateway } = await import('../gateway.ts')
    return await startGateway({ config, env, log: log.logger })
  } catch (error) {
    log.logger.debug({ err: error }, 'the gateway did not start')
    return error instanceof Error ? error : new Error(String(error))
  }
}

async function stop(gateway: RunningGateway, log: Log): Promise<number> {
  try {
    await gateway.stop()
    return 0
  } catch (error) {
    log.logger.error({ err: error }, 'the gateway did not stop cleanly')
    return 1
  }
}

/** Resolves at the first stop signal, also one that comes during the start; the second ends the process with code 1. */
function awaitStopSignal(log: Log, surroundings: Surroundings): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let count = 0
  const receive = (signal: NodeJS.Signals): void => {
    count += 1
    if (count === 1) resolve(signal)
    else void end(log, surroundings)
  }
  surroundings.on('SIGTERM', receive)
  surroundings.on('SIGINT', receive)
  return promise
}

/** A rejection that nobody handles arrives here too: Node raises it as an uncaught exception. */
function endOnUncaughtErrors(log: Log, surroundings: Surroundings, say: Say): void {
  let ending = false
  surroundings.on('uncaughtException', (error, origin) => {
    if (ending) return
    ending = true
    say('switchyard: ended by an unexpected error, see the log')
    log.logger.fatal({ err: error, origin }, 'ended by an unexpected error')
    void end(log, surroundings)
  })
}

async function end(log: Log, surroundings: Surroundings): Promise<void> {
  await log.close()
  surroundings.exit(1)
}

function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? ''
}
