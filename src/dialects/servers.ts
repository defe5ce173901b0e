import type { ServerDialect } from './contract.ts'
import { anthropicServer } from './anthropic/server.ts'
import { geminiServer } from './gemini/server.ts'
import { openaiServer } from './openai/server.ts'
import { platformServer } from './platform/server.ts'
import { responsesServer } from './responses/server.ts'
import { scaigridServer } from './scaigrid/server.ts'
import { sgpServer } from './sgp/server.ts'

/** The server halves: the formats in which clients can ask us. */
export const serverDialects: readonly ServerDialect[] = [
  openaiServer,
  responsesServer,
  anthropicServer,
  geminiServer,
  platformServer,
  scaigridServer,
  sgpServer,
]
