import { expect, test } from 'vitest'
import { ProviderSlots } from './provider-slots.ts'

const never = new AbortController().signal

test('lets so many through to each provider, and then whoever waits longest', async () => {
  const slots = new ProviderSlots(2)
  const done: string[] = []
  const [one] = await Promise.all([slots.take('a', never), slots.take('a', never), slots.take('b', never)])
  const waiting = ['third', 'fourth'].map(async (name) => {
    const leave = await slots.take('a', never)
    done.push(name)
    return leave
  })
  await Promise.resolve()
  expect(done).toEqual([])
  one?.()
  one?.()
  const third = await waiting[0]
  expect(done).toEqual(['third'])
  third?.()
  await waiting[1]
  expect(done).toEqual(['third', 'fourth'])
})

test('whoever gives up waiting takes nobody’s turn', async () => {
  const slots = new ProviderSlots(1)
  const leave = await slots.take('a', never)
  const stop = new AbortController()
  const left = slots.take('a', stop.signal)
  const next = slots.take('a', never)
  stop.abort(new Error('enough'))
  await expect(left).rejects.toThrow('enough')
  leave()
  await next
  await expect(slots.take('a', stop.signal)).rejects.toThrow('enough')
})
