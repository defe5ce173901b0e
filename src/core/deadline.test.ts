import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { GatewayError, TimerName } from '../error/index.ts'
import { timedOut, Watch } from './deadline.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const fired: GatewayError[] = []
const watch = (): Watch => {
  fired.length = 0
  return new Watch((error) => fired.push(error))
}
const timers = (): (TimerName | undefined)[] => fired.map(({ details }) => details.timer)

test.each(['connect', 'first_event', 'between_events', 'request_body', 'write', 'total'] as const)(
  'the error of the timer %s is a timeout that names it',
  (timer) => {
    const error = timedOut(timer)
    expect([error.reason, error.status, error.details.timer]).toEqual(['timeout', 504, timer])
    expect(error.message).toContain(`(timer: ${timer})`)
  },
)

describe('a watch', () => {
  test('fires once, when its time is over and not before', () => {
    watch().arm('first_event', 100)
    vi.advanceTimersByTime(99)
    expect(timers()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(timers()).toEqual(['first_event'])
    vi.advanceTimersByTime(1000)
    expect(timers()).toEqual(['first_event'])
  })

  test('starts anew each time it is armed', () => {
    const one = watch()
    for (let step = 0; step < 10; step++) {
      one.arm('between_events', 100)
      vi.advanceTimersByTime(60)
    }
    expect(timers()).toEqual([])
    vi.advanceTimersByTime(40)
    expect(timers()).toEqual(['between_events'])
  })

  test('does not fire while it rests, however long', () => {
    const one = watch()
    one.arm('between_events', 100)
    one.rest()
    vi.advanceTimersByTime(1000)
    expect(timers()).toEqual([])
  })

  test('watches again after a rest, even when its time ran out meanwhile', () => {
    const one = watch()
    one.arm('between_events', 100)
    one.rest()
    vi.advanceTimersByTime(150)
    one.arm('between_events', 100)
    vi.advanceTimersByTime(99)
    expect(timers()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(timers()).toEqual(['between_events'])
  })

  test('goes by the name and the time it was armed with last', () => {
    const one = watch()
    one.arm('first_event', 1000)
    vi.advanceTimersByTime(900)
    one.arm('between_events', 300)
    vi.advanceTimersByTime(299)
    expect(timers()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(timers()).toEqual(['between_events'])
  })

  test('keeps nothing alive once it is disposed of', () => {
    const one = watch()
    one.arm('first_event', 100)
    one[Symbol.dispose]()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(1000)
    expect(timers()).toEqual([])
  })
})
