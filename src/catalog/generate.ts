/**
 * `npm run catalog -- DIR DATE` writes the catalog's data again from two files in DIR: `genai-prices.v2.data.json`, as published
 * on DATE (such as 2026-08-21), and `models-dev.api.json`. Prints what was left without a price.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { limitsFrom, pricesFrom, printLimits, printPrices } from './refresh.ts'

const [folder, date] = process.argv.slice(2)

if (folder === undefined || date === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(date)) {
  process.stderr.write('usage: npm run catalog -- DIR DATE\n')
  process.exitCode = 2
} else {
  generate(folder, date)
}

function generate(from: string, published: string): void {
  const data = new URL('data/', import.meta.url)
  const json = (path: string | URL): unknown => JSON.parse(readFileSync(path, 'utf8'))
  const names = json(new URL('vendors.json', data)) as Record<string, string[]>
  const { file, left } = pricesFrom(json(join(from, 'genai-prices.v2.data.json')), published)
  const limits = limitsFrom(json(join(from, 'models-dev.api.json')), names)
  writeFileSync(new URL('prices.json', data), printPrices(file))
  writeFileSync(new URL('models.json', data), printLimits(limits))
  for (const model of left) process.stdout.write(`no price: ${model}\n`)
}
