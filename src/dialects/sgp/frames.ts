import type { GatewayError } from '../../error/index.ts'
import { errorBody } from './errors.ts'

/** A whole answer: the model's own, as JSON text, wrapped. */
export function wholeAnswer(json: string): string {
  return `{"object":"generic_inference","response":${json}}`
}

/** One chunk of a streamed answer, wrapped. Line breaks between its tokens would end its `data:` line. */
export function chunkFrame(json: string): string {
  return `data: {"object":"generic_inference.chunk","response":${json.replaceAll('\n', ' ').replaceAll('\r', ' ')}}\n\n`
}

/** How every stream ends: well, or with the error's own shape. */
export const streamEnd = {
  end: () => 'data: [DONE]\n\n',
  fail: (error: GatewayError) => `data: ${errorBody(error)}\n\n`,
}
