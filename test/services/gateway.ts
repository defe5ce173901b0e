import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { configSchema } from '../../src/config/schema.ts'
import { type RunningGateway, startGateway } from '../../src/gateway.ts'

/**
 * Starts a gateway in this process, on a free port, with a data folder of its own that goes when it stops. `sections` are those of the
 * configuration file; nothing is logged, and nothing tried again unless they say so. Rejects as `startGateway` does.
 */
export async function gatewayWith(
  sections: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-'))
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const server = { host: '127.0.0.1', port: 0, drain_seconds: 0 }
  const config = configSchema.parse({ server, data_dir: folder, retries: { per_target: 0 }, ...sections })
  try {
    const gateway = await startGateway({ config, env, log: pino({ level: 'silent' }) })
    const stop = async (): Promise<void> => {
      await gateway.stop()
      await removeFolder()
    }
    return { ...gateway, stop }
  } catch (error) {
    await removeFolder()
    throw error
  }
}
