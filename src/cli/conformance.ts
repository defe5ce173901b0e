import { cwd } from 'node:process'
import { examine } from '../conformance/examine.ts'
import { json, table } from '../conformance/print.ts'
import { openSubject } from '../conformance/subject.ts'
import { GatewayError } from '../error/index.ts'
import type { Surroundings } from './surroundings.ts'

/** What `switchyard conformance` takes on the command line, beside what it is to examine. */
export interface ConformanceFlags {
  readonly model?: string | undefined
  /** JSON of the plugin's own settings. */
  readonly settings?: string | undefined
  readonly baseUrl?: string | undefined
  readonly keyVariable?: string | undefined
  readonly json?: boolean | undefined
  /** Seconds that one check may take. */
  readonly timeout: string
}

const plugins = new URL('../../plugins/', import.meta.url)

/**
 * Examines a plugin, a remote provider or a gateway, and writes the scorecard to standard output. Resolves with the exit code: 0
 * when it conforms, 1 when a mandatory check failed or it could not be examined, with the reason on standard error.
 */
export async function conformance(target: string, flags: ConformanceFlags, process: Surroundings): Promise<number> {
  try {
    const limitMs = secondsOf(flags.timeout) * 1000
    const { model, baseUrl, keyVariable } = flags
    const settings = settingsOf(flags.settings)
    const baseDir = cwd()
    await using subject = await openSubject({
      target,
      model,
      settings,
      baseUrl,
      keyVariable,
      env: process.env,
      plugins,
      baseDir,
    })
    const scorecard = await examine(subject, limitMs)
    process.stdout.write(flags.json === true ? json(scorecard) : table(scorecard))
    return scorecard.conforms ? 0 : 1
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const [line = ''] = error.message.split('\n', 1)
    process.stderr.write(`switchyard: ${error instanceof GatewayError ? line : `it could not be examined: ${line}`}\n`)
    return 1
  }
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 3600) return seconds
  throw new Error('--timeout is a number of seconds')
}

function settingsOf(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined
  const parsed = parse(text)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed }
  throw new Error('--settings is a JSON object, such as \'{"address":"http://127.0.0.1:50051"}\'')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
