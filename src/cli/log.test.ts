import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { openLog } from './log.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

function refuse(fault: Error): never {
  throw fault
}

async function opened(level: string, name: string) {
  const path = join(folder, name)
  const log = openLog(level, refuse, path)
  await expect.poll(() => existsSync(path)).toBe(true)
  return {
    log,
    lines: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as object),
  }
}

test('closing writes what is still buffered, as JSON lines with words for levels', async () => {
  const { log, lines } = await opened('info', 'closed')
  log.logger.info({ call: 1 }, 'first')
  log.logger.debug('not shown')
  log.logger.warn('second')
  expect(lines()).toEqual([])
  await log.close()
  expect(lines()).toMatchObject([
    { level: 'info', call: 1, msg: 'first', time: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    { level: 'warn', msg: 'second' },
  ])
})

test('a line is written after a while without closing', async () => {
  const { log, lines } = await opened('info', 'flushed')
  log.logger.info('alone')
  await expect.poll(() => lines()).toMatchObject([{ msg: 'alone' }])
  await log.close()
})

test('a destination that fails is told once and never throws', async () => {
  const faults: Error[] = []
  const log = openLog('info', (fault) => void faults.push(fault), '/dev/full')
  await vi.waitFor(
    () => {
      log.logger.info({ padding: 'x'.repeat(5000) }, 'lost')
      expect(faults).toHaveLength(1)
    },
    { timeout: 20_000 },
  )
  log.logger.fatal('lost as well')
  await log.close()
  await log.close()
  expect(faults).toHaveLength(1)
  expect(faults[0]?.message).toContain('ENOSPC')
})
