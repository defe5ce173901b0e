import { afterAll, describe, expect, test } from 'vitest'
import { corpusOf } from './corpus.ts'
import { faultOf } from './hunt.ts'
import { targetNames, targetOf } from './targets.ts'

describe.each(targetNames)('%s', (name) => {
  const target = targetOf(name)
  afterAll(async () => {
    expect(await target.after?.()).toBeUndefined()
    await target.close?.()
  })

  test('every promise is kept for what was recorded', async () => {
    expect(target.recorded).not.toEqual([])
    for (const input of target.recorded) expect(await faultOf(target, input)).toBeUndefined()
  })

  test.each(corpusOf(name))('what once broke a promise keeps it now: $file', async ({ written }) => {
    expect(await faultOf(target, target.read(written))).toBeUndefined()
  })
})
