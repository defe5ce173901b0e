import { join } from 'node:path'
import { mergeConfig } from 'vitest/config'
import usual from '../../vitest.config.ts'

export default mergeConfig(usual, { test: { setupFiles: [join(import.meta.dirname, 'record.ts')] } })
