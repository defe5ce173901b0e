import type { Head } from '../operation.ts'

/** An event of a stream that begins with `started`. */
interface StartedEvent {
  readonly event: { readonly case: string | undefined; readonly value?: unknown }
}

/** How an answer begins: with `started`, once, whatever its provider says. Clients could not read another. */
export function startedOnce<Event extends StartedEvent>(startOf: () => Event) {
  const isStart = ({ event }: Event): boolean => event.case === 'started'
  const proceed = (batch: readonly Event[]): readonly Event[] =>
    batch.some(isStart) ? batch.filter((event) => !isStart(event)) : batch
  return {
    begin(batch: readonly Event[]): readonly Event[] {
      const [first, ...rest] = batch
      return first !== undefined && isStart(first) ? [first, ...proceed(rest)] : [startOf(), ...proceed(batch)]
    },
    proceed,
    head([first]: readonly Event[]): Head | undefined {
      return first !== undefined && isStart(first) ? (first.event.value as Head) : undefined
    },
  }
}
