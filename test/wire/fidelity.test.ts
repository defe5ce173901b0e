import { beforeAll, describe, expect, test } from 'vitest'
import { isChatCompletions, readCases } from './case.ts'
import { checkNames } from './checks/probe.ts'
import { excused } from './excused.ts'
import { type Report, runCases } from './run.ts'

const cases = readCases(`${import.meta.dirname}/cases`)
const apis = [...new Set(cases.map(({ api }) => api))]

describe('recorded traffic through a running gateway', () => {
  let report: Report

  beforeAll(async () => {
    report = await runCases(cases)
  }, 300_000)

  describe.each(apis)('%s', (api) => {
    test.for(checkNames)('%s', (check, { skip }) => {
      const own = report.results.filter((result) => result.api === api && result.check === check)
      skip(own.length === 0, 'nothing was recorded for it')
      const failures = own.filter(({ why }) => why.length > 0)
      expect(failures.map((failure) => [failure.case, ...failure.why].join('\n  '))).toEqual([])
    })
  })

  test('asks for every recorded case', () => {
    const asked = new Set(report.results.map((result) => result.case))
    expect(cases.filter((wireCase) => !asked.has(wireCase.id)).map(({ id }) => id)).toEqual([])
    expect(cases.every(isChatCompletions)).toBe(true)
  })

  test('excuses at most two in a hundred results, and none that passes', () => {
    expect(excused.length * 50).toBeLessThanOrEqual(report.results.length + excused.length)
    const failing = report.excused.map((result) => `${result.case} ${result.check}`)
    expect(failing.toSorted()).toEqual(excused.map((excuse) => `${excuse.case} ${excuse.check}`).toSorted())
  })
})
