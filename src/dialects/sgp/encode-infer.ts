import { toJson } from '@bufbuild/protobuf'
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt'
import type { StreamedAnswer, WholeAnswer } from '../operation.ts'
import { chunkFrame, streamEnd, wholeAnswer } from './frames.ts'

/** Writes what a provider answered as it is, wrapped. Usage that it tells beside its answer is for the gateway's log alone. */
export const inferAnswer: WholeAnswer<'infer'> & StreamedAnswer<'infer'> = {
  whole: ({ response }) => wholeAnswer(jsonOf(response)),
  events: (batch) => batch.map(({ event }) => (event.case === 'chunk' ? chunkFrame(jsonOf(event.value)) : '')).join(''),
  ...streamEnd,
}

function jsonOf(value: Value | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(toJson(ValueSchema, value))
}
