#!/usr/bin/env node
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { runCycles } from './ledger/cycles.ts'

/*
 * Faults that take long, by hand: node test/faults/run.ts ledger [--cycles N] [--engine sqlite|postgres|both] [--outage SECONDS]
 * Ends with code 1 when the books do not agree.
 */

const usage = 'usage: npm run faults -- ledger [--cycles N] [--engine sqlite|postgres|both] [--outage SECONDS]\n'

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

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cycles: { type: 'string', default: '20' },
      engine: { type: 'string', default: 'both' },
      outage: { type: 'string', default: '0' },
    },
  })
  const cycles = Number(values.cycles)
  const seconds = Number(values.outage)
  const engines = values.engine === 'both' ? ['sqlite', 'postgres'] : [values.engine]
  const sensible = cycles >= 1 && seconds >= 0 && engines.every((name) => name === 'sqlite' || name === 'postgres')
  if (positionals.join(' ') !== 'ledger' || !sensible) {
    process.stderr.write(usage)
    return 2
  }
  let good = true
  for (const engine of engines) good = (await onEngine(engine, cycles, seconds)) && good
  return good ? 0 : 1
}

process.exitCode = await main()
