import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { isNamed } from '../model-names.ts'

/** What is named as dropped where an answer is asked for as any object, and not as its schema has it. */
export const lostSchema = 'response_format.json_schema'

/** True for a request for an answer by a schema to a model that follows none, which is asked for an object instead. */
export function losesSchema({ model, responseFormat }: ChatRequest, withoutSchemas: readonly string[] = []): boolean {
  return responseFormat?.kind.case === 'jsonSchema' && isNamed(model, withoutSchemas)
}

/** The client's own words, asking for an object. */
export function askObject(body: string): string {
  return JSON.stringify({ ...(JSON.parse(body) as object), response_format: { type: 'json_object' } })
}
