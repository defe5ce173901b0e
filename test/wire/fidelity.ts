#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readCases } from './case.ts'
import { checkNames } from './checks/probe.ts'
import { type Report, type Result, runCases } from './run.ts'

/*
 * Runs recorded cases through a running gateway: node test/wire/fidelity.ts [DIR ...] [--json]
 * DIR is a folder of API folders, or one API folder. Ends with code 1 when anything failed, with 2 when there is nothing to run.
 */

const ownCases = `${import.meta.dirname}/cases`

function table({ results, skipped, excused }: Report): string {
  const apis = [...new Set(results.map(({ api }) => api))].toSorted()
  const rows = [
    ['', ...checkNames, 'all'],
    ...apis.map((api) =>
      row(
        api,
        results.filter((result) => result.api === api),
      ),
    ),
    row('all', results),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const others = [...skipped].map(
    ([api, count]) => `${api}: ${count} of a format or an endpoint without a check: skipped`,
  )
  const excuses = excused.map((result) => `excused: ${result.case} ${result.check}`)
  const failures = results
    .filter(failed)
    .map((result) => [`${result.case}  ${result.check}`, ...result.why].join('\n    '))
  return [lines, others, excuses, failures]
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')
}

function row(name: string, results: readonly Result[]): string[] {
  const cells = checkNames.map((check) => score(results.filter((result) => result.check === check)))
  return [name, ...cells, score(results)]
}

function score(results: readonly Result[]): string {
  return results.length === 0 ? '-' : `${results.filter((result) => !failed(result)).length}/${results.length}`
}

function failed(result: Result): boolean {
  return result.why.length > 0
}

function json({ results }: Report): string {
  const failures = results
    .filter(failed)
    .map((result) => ({ case: result.case, check: result.check, why: result.why.join('; ') }))
  return JSON.stringify({ total: results.length, passed: results.length - failures.length, failed: failures })
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
  const folders = positionals.length === 0 ? [ownCases] : positionals
  const absent = folders.find((folder) => !existsSync(folder))
  if (absent !== undefined) {
    process.stderr.write(`there is no folder ${absent}\n`)
    return 2
  }
  const cases = folders.flatMap(readCases)
  if (cases.length === 0) {
    process.stderr.write('there is no recorded case\n')
    return 2
  }
  const report = await runCases(cases)
  process.stdout.write(`${values.json === true ? json(report) : table(report)}\n`)
  return report.results.some(failed) ? 1 : 0
}

process.exitCode = await main()
