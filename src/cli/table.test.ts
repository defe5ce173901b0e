import { expect, test } from 'vitest'
import { bar, type Column, csv, table } from './table.ts'

interface Row {
  readonly name: string
  readonly count: number
}
const columns: readonly Column<Row>[] = [
  { title: 'name', cell: ({ name }) => name },
  { title: 'count', cell: ({ count }) => String(count), right: true },
]

test('aligns texts at the left and numbers at the right', () => {
  const rows = [
    { name: 'a', count: 5 },
    { name: 'longer', count: 12_345 },
  ]
  expect(table(columns, rows)).toBe('name    count\na           5\nlonger  12345\n')
})

test('lets no name move the cursor', () => {
  expect(table(columns, [{ name: 'a\u001B[2Jb\rc\u009B1m', count: 1 }])).toContain('a?[2Jb?c?1m')
})

test('quotes what a spreadsheet would take apart or calculate', () => {
  const rows = [
    { name: 'a,"b"\nc', count: -5 },
    { name: '=1+1', count: 0 },
  ]
  expect(csv(columns, rows)).toBe('name,count\r\n"a,""b""\nc",-5\r\n\'=1+1,0\r\n')
})

test.each([
  [0, ''],
  [0.5, '██'],
  [1, '████'],
  [7, '████'],
  [-1, ''],
  [1 / 32, '▏'],
  [7 / 32, '▉'],
  [1 / 4, '█'],
])('draws %d of four as "%s"', (share, drawn) => {
  expect(bar(share, 4)).toBe(drawn)
})
