import { describe, expect, test } from 'vitest'
import { readCases } from './case.ts'
import { checkNames } from './checks/probe.ts'
import { isChecked } from './endpoints/index.ts'
import { excused } from './excused.ts'
import { type Report, runCases } from './run.ts'

const cases = readCases(`${import.meta.dirname}/cases`).filter(isChecked)
const apis = [...new Set(cases.map(({ api }) => api))]

// Run while the tests are collected, so that there is one for each check that something was recorded for.
const report = await runCases(cases)

function resultsOf(api: string, check: string): Report['results'] {
  return report.results.filter((result) => result.api === api && result.check === check)
}

describe('recorded traffic through a running gateway', () => {
  describe.each(apis)('%s', (api) => {
    test.each(checkNames.filter((check) => resultsOf(api, check).length > 0))('%s', (check) => {
      const own = resultsOf(api, check)
      const failures = own.filter(({ why }) => why.length > 0)
      expect(failures.map((failure) => [failure.case, ...failure.why].join('\n  '))).toEqual([])
    })
  })

  test('asks for every recorded case', () => {
    const asked = new Set(report.results.map((result) => result.case))
    expect(cases.filter((wireCase) => !asked.has(wireCase.id)).map(({ id }) => id)).toEqual([])
  })

  test('excuses at most two in a hundred results, and none that passes', () => {
    expect(excused.length * 50).toBeLessThanOrEqual(report.results.length + excused.length)
    const failing = report.excused.map((result) => `${result.case} ${result.check}`)
    expect(failing.toSorted()).toEqual(excused.map((excuse) => `${excuse.case} ${excuse.check}`).toSorted())
  })
})
