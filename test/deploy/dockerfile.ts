import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { present, top } from './kustomize.ts'

/** A file of the repository as text. */
export const read = (path: string): string => readFileSync(join(top, path), 'utf8')

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly word: string
  readonly rest: string
}

/** The instructions of a Dockerfile, continued lines joined. */
function instructionsOf(source: string): Instruction[] {
  const lines = source
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  return lines.flatMap((line) => {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (word === undefined || rest === undefined) {
      if (line.trim() === '') return []
      throw new Error(`not an instruction: ${line}`)
    }
    return [{ word, rest }]
  })
}

/** The Dockerfile. */
export const instructions = instructionsOf(read('deploy/Dockerfile'))
const lastStage = instructions.findLastIndex(({ word }) => word === 'FROM')
/** Its last stage, which makes the image. */
export const image = instructions.slice(lastStage)

/** What follows a word, each time it is there. */
export const all = (word: string, within = instructions): string[] =>
  within.filter((instruction) => instruction.word === word).map(({ rest }) => rest)

/** What follows a word the last time it is there in the image's stage. */
export function last(word: string): string {
  return present(all(word, image).at(-1))
}

/** What the image sets, by name. */
export const imageEnvironment: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  [...last('ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
)
