import type { Postgres } from '../../services/postgres.ts'
import { startInVain } from './commands.ts'
import { guardDatabase } from './database.ts'
import { type CanariesResult, Play } from './play.ts'
import { setStage } from './stage.ts'

/** What to run. */
export interface CanariesOptions {
  /** Where the gateway's store is; SQLite without. */
  readonly postgres?: Postgres | undefined
  /** Every API at every provider, and all that takes long. */
  readonly thorough: boolean
  readonly say?: (line: string) => void
}

/**
 * Plants canaries, does with a gateway in its own process everything that is done with gateways, lets all go wrong that can, and
 * looks for the canaries in all that leaves it and in all that it keeps.
 */
export async function runCanaries({ postgres, thorough, say = () => {} }: CanariesOptions): Promise<CanariesResult> {
  await using stage = await setStage()
  await using database =
    postgres === undefined ? undefined : await guardDatabase(postgres, stage.canaries.databasePassword)
  const play = new Play({ stage, database, postgres, thorough })
  const acts: readonly (readonly [string, () => Promise<void>])[] = [
    ['a gateway is started', () => play.begin()],
    ['calls are made', () => play.call()],
    ['everything else is asked for', () => play.operate()],
    ['things are filed', () => play.file()],
    ['nonsense is asked', () => play.knock()],
    ['everything is read', () => play.read()],
    ['commands are run', () => play.command()],
    ['the store is lost', () => play.loseStore()],
    ['the gateway crashes', () => play.crash()],
    ['the gateway is killed', () => play.kill()],
    ['the gateway is stopped', () => play.stop()],
    ['starts are refused', () => startInVain(stage, thorough)],
    ['what is kept is searched', () => play.search()],
  ]
  for (const [what, act] of acts) {
    const began = performance.now()
    await act()
    say(`${what}: ${Math.round(performance.now() - began)} ms, ${stage.evidence.leaks.length} leaks so far`)
  }
  return play.result()
}
