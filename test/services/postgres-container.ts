import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { RunningPostgres } from './postgres.ts'

/** A PostgreSQL in a container, where a Docker engine runs and has the image already, or `TEST_PULL=1` lets it be fetched. */
export async function containerServer(): Promise<RunningPostgres | undefined> {
  const image = process.env['TEST_POSTGRES_IMAGE'] ?? 'postgres:18'
  if (!engineMayBeThere() || !(await hasImage(image))) return undefined
  // Its reaper is an image of its own, which a machine without a registry does not have; the container is stopped by us.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const container = await new PostgreSqlContainer(image).start()
  return {
    source: `container of ${image}`,
    url: container.getConnectionUri(),
    end: async () => void (await container.stop()),
  }
}

function engineMayBeThere(): boolean {
  const sockets = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')]
  return process.env['DOCKER_HOST'] !== undefined || sockets.some((path) => existsSync(path))
}

async function hasImage(image: string): Promise<boolean> {
  try {
    const { getContainerRuntimeClient, ImageName } = await import('testcontainers')
    const runtime = await getContainerRuntimeClient()
    return process.env['TEST_PULL'] === '1' || (await runtime.image.exists(ImageName.fromString(image)))
  } catch {
    return false
  }
}
