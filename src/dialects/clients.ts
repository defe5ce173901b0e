/** The client halves: the formats in which an upstream can be asked. */
export { openaiClient } from './openai/client.ts'
export type { CompatibleOptions } from './openai/encode-request.ts'
