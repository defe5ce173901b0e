import type { ServerDialect } from './contract.ts'
import { openaiServer } from './openai/server.ts'
import { platformServer } from './platform/server.ts'
import { scaigridServer } from './scaigrid/server.ts'
import { sgpServer } from './sgp/server.ts'

/** The server halves: the formats in which clients can ask us. */
export const serverDialects: readonly ServerDialect[] = [openaiServer, platformServer, scaigridServer, sgpServer]
