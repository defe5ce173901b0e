#!/usr/bin/env node
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { runBatchFaults } from './batch/run.ts'
import type { Leak } from './canaries/evidence.ts'
import { runCanaries } from './canaries/run.ts'
import { searchSuites } from './canaries/suites.ts'
import { runCycles } from './ledger/cycles.ts'

/*
 * Faults that take long, by hand:
 *
 * ledger [--cycles N] [--engine sqlite|postgres|both] [--outage SECONDS]: ends with code 1 when the books do not agree.
 * batch [--lines N] [--kills K] [--engine sqlite|postgres|both]: kills each of those who work on a batch K times, and ends with code 1
 * when a line is missing or there twice, or the books do not agree.
 * canaries [--engine sqlite|postgres|both] [--brief] [--suites]: ends with code 1 when a secret or a prompt was seen where it does not
 * belong; with --suites the tests end to end and with faults are run as well, and all that comes out of them is searched.
 */

const usage = `usage: npm run faults -- ledger [--cycles N] [--engine sqlite|postgres|both] [--outage SECONDS]
       npm run faults -- batch [--lines N] [--kills K] [--engine sqlite|postgres|both]
       npm run faults -- canaries [--engine sqlite|postgres|both] [--brief] [--suites]
`

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Stops the server in the midst of the load, for so long. */
async function outage({ halt, resume }: Postgres, seconds: number): Promise<void> {
  if (halt === undefined || resume === undefined) throw new Error('this PostgreSQL is not ours to stop')
  await setTimeout(500)
  await halt()
  say(`PostgreSQL is stopped for ${seconds} s`)
  await setTimeout(seconds * 1000)
  await resume()
  say('PostgreSQL runs again')
}

async function onEngine(engine: string, cycles: number, outageSeconds: number): Promise<boolean> {
  const postgres = engine === 'postgres' ? await startPostgres() : undefined
  try {
    const result = await runCycles({
      cycles,
      say,
      ...(postgres !== undefined && { databaseUrl: await postgres.database() }),
      ...(postgres !== undefined && outageSeconds > 0 && { meanwhile: () => outage(postgres, outageSeconds) }),
    })
    const { wrong, kills, ...counts } = result
    say(`${engine}: ${JSON.stringify(counts)}`)
    say(`killed: ${JSON.stringify(kills)}`)
    for (const line of wrong.slice(0, 50)) say(line)
    say(wrong.length === 0 ? `${engine}: the books agree` : `${engine}: ${wrong.length} things are wrong`)
    return wrong.length === 0
  } finally {
    await postgres?.end()
  }
}

async function batchOn(engine: string, lines: number, kills: number): Promise<boolean> {
  const postgres = engine === 'postgres' ? await startPostgres() : undefined
  try {
    const databaseUrl = await postgres?.database()
    const result = await runBatchFaults({ lines, kills, say, ...(databaseUrl !== undefined && { databaseUrl }) })
    const { wrong, ...counts } = result
    say(`${engine}: ${JSON.stringify(counts)}`)
    for (const line of wrong.slice(0, 50)) say(line)
    say(
      wrong.length === 0
        ? `${engine}: each line once, and the books agree`
        : `${engine}: ${wrong.length} things are wrong`,
    )
    return wrong.length === 0
  } finally {
    await postgres?.end()
  }
}

function tellLeaks(what: string, leaks: readonly Leak[]): boolean {
  const places = Map.groupBy(leaks, ({ canary, form, what: where }) => `${canary}, ${form}, in ${where}`)
  for (const [place, [first]] of places) say(`  ${place}: ${first?.around}`)
  say(`${what}: ${leaks.length} hits`)
  return leaks.length === 0
}

async function canariesOn(engine: string, thorough: boolean): Promise<boolean> {
  const postgres = engine === 'postgres' ? await startPostgres() : undefined
  try {
    const { calls, leaks, searched, bytes, seen } = await runCanaries({ postgres, thorough, say })
    say(`${engine}: ${calls} calls; searched ${JSON.stringify(searched)}, ${bytes} bytes`)
    say(`seen where they belong: ${[...seen].map(([name, times]) => `${name} ${times}`).join(', ')}`)
    return tellLeaks(engine, leaks)
  } finally {
    await postgres?.end()
  }
}

async function canariesOfSuites(): Promise<boolean> {
  const { canaries, leaks, bytes, ending, code } = await searchSuites()
  say(`${ending}\nthe tests ended with ${code}; searched ${bytes} bytes for ${canaries.join(', ')}`)
  return tellLeaks('tests', leaks) && code === 0
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cycles: { type: 'string', default: '20' },
      lines: { type: 'string', default: '10000' },
      kills: { type: 'string', default: '20' },
      engine: { type: 'string', default: 'both' },
      outage: { type: 'string', default: '0' },
      brief: { type: 'boolean', default: false },
      suites: { type: 'boolean', default: false },
    },
  })
  const cycles = Number(values.cycles)
  const lines = Number(values.lines)
  const kills = Number(values.kills)
  const seconds = Number(values.outage)
  const engines = values.engine === 'both' ? ['sqlite', 'postgres'] : [values.engine]
  const sensible =
    cycles >= 1 &&
    lines >= 1 &&
    kills >= 1 &&
    seconds >= 0 &&
    engines.every((name) => name === 'sqlite' || name === 'postgres')
  const what = positionals.join(' ')
  const runs: Readonly<Record<string, (engine: string) => Promise<boolean>>> = {
    ledger: (engine) => onEngine(engine, cycles, seconds),
    batch: (engine) => batchOn(engine, lines, kills),
    canaries: (engine) => canariesOn(engine, !values.brief),
  }
  const run = runs[what]
  if (run === undefined || !sensible) {
    process.stderr.write(usage)
    return 2
  }
  let good = true
  for (const engine of engines) good = (await run(engine)) && good
  if (what === 'canaries' && values.suites) good = (await canariesOfSuites()) && good
  return good ? 0 : 1
}

process.exitCode = await main()
