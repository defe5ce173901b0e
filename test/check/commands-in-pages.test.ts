import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** The commands of a help text: each word that begins a line of the list. */
function listed(...of: string[]): string[] {
  const help = execFileSync('node', ['src/main.ts', ...of, '--help'], { encoding: 'utf8' })
  const [, list = ''] = help.split(/^Commands:\n/m)
  return [...list.matchAll(/^ {2}(\w+)/gm)].map(([, word = '']) => word)
}

/** Commands in fences and in code of the pages: `switchyard keys create`, and as scripts of npm have it. */
function named(): string[][] {
  const pages = ['README.md', 'CONTRIBUTING.md', 'deploy/README.md', ...globSync('docs/*.md')]
  const code = pages.flatMap((page) => readFileSync(page, 'utf8').match(/```[\s\S]*?```|`[^`\n]+`/g) ?? [])
  const commands = code.flatMap((text) => [
    ...text.matchAll(/(?:^|[`;(=]|(?<!-n) )(?:npm run -s )?switchyard (?:-- )?([a-z]+)(?: ([a-z]+))?(?![\w/.:=-])/gm),
  ])
  return commands.map(([, command = '', word]) => (word === undefined ? [command] : [command, word]))
}

test('every command that the pages name is there', () => {
  const commands = listed()
  const groups = new Map(['keys', 'accounts', 'secrets', 'usage'].map((group) => [group, listed(group)]))
  const all = named()
  expect(all.length).toBeGreaterThan(20)
  for (const [command = '', word] of all) {
    expect(commands).toContain(command)
    const below = groups.get(command)
    if (word !== undefined && below !== undefined) expect(below, `${command} ${word}`).toContain(word)
  }
})
