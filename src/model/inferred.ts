import { create, fromJson, type JsonValue } from '@bufbuild/protobuf'
import { ValueSchema } from '@bufbuild/protobuf/wkt'
import { type InferEvent, type InferResponse, InferResponseSchema } from '#gen/switchyard/v1/infer_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'

/** A generic answer, or a piece of one, as an event. Throws for a number that is not finite. */
export function inferredChunk(answer: JsonValue): InferEvent {
  return { $typeName: 'switchyard.v1.InferEvent', event: { case: 'chunk', value: fromJson(ValueSchema, answer) } }
}

/** A generic answer in the making: one chunk is the answer itself, several are a list of them. */
export class InferFold {
  readonly #events: InferEvent[] = []

  /** Takes in events that arrived together. */
  add(batch: readonly InferEvent[]): void {
    this.#events.push(...batch)
  }

  /** The answer as far as it is known. */
  response(): InferResponse {
    const chunks: InferResponse['response'][] = []
    let told: Usage | undefined
    let head: Pick<InferResponse, 'dropped' | 'upstreamRequestId'> = { dropped: [], upstreamRequestId: '' }
    for (const { event } of this.#events) {
      if (event.case === 'chunk') chunks.push(event.value)
      else if (event.case === 'usage') told = event.value
      else if (event.case === 'started') head = event.value
    }
    const { dropped, upstreamRequestId } = head
    const response =
      chunks.length === 1
        ? chunks[0]
        : ({ kind: { case: 'listValue', value: { values: chunks.filter((chunk) => chunk !== undefined) } } } as const)
    return create(InferResponseSchema, {
      ...(response !== undefined && { response: response as never }),
      ...(told !== undefined && { usage: told }),
      dropped,
      upstreamRequestId,
    })
  }
}
