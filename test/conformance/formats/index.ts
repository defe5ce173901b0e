import { serverDialects } from '../../../src/dialects/servers.ts'
import { bedrock } from './bedrock.ts'
import { cohere } from './cohere.ts'
import { ollama } from './ollama.ts'
import { played } from './own.ts'
import type { Played } from './played.ts'

export type { Arrived, Played, Question } from './played.ts'

/** The formats in which an upstream can be played, by name: our own server halves, and those that only these tests have. */
export const playedFormats: ReadonlyMap<string, Played> = new Map<string, Played>([
  ...serverDialects.map((dialect) => [dialect.name, played(dialect)] as const),
  ['bedrock', bedrock],
  ['cohere', cohere],
  ['ollama', ollama],
])
