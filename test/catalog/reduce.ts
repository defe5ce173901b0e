/**
 * `node test/catalog/reduce.ts FILE` writes `dataset.json` again from the usages that genai-prices publishes with its prices: of every
 * recorded answer with a model, its usage, and what each vendor that may have given it charges. Equal answers are counted.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { printRows, type Row } from './dataset.ts'

const decimal = z.string().regex(/^\d+(\.\d+)?(E-\d+)?$/i)
const source = z.array(
  z.looseObject({
    model: z.string().optional(),
    body: z.looseObject({ usage: z.unknown().optional(), usageMetadata: z.unknown().optional() }),
    extracted: z.array(
      z.looseObject({
        extractors: z.array(
          z.strictObject({
            provider_id: z.string(),
            api_flavor: z.string(),
            input_price: decimal.optional(),
            output_price: decimal.optional(),
            total_price: decimal.optional(),
          }),
        ),
      }),
    ),
  }),
)

const rows = new Map<string, Row>()
for (const { model, body, extracted } of source.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')))) {
  if (model === undefined) continue
  const readings = extracted.flatMap(({ extractors }) => extractors)
  const row = {
    model,
    usage: body.usage ?? body.usageMetadata,
    prices: readings.flatMap(({ provider_id: vendor, api_flavor: flavor, ...price }): Row['prices'] => {
      const { input_price: input, output_price: output, total_price: total } = price
      return input === undefined || output === undefined ? [] : [[vendor, flavor, total ?? add(input, output)]]
    }),
    unpriced: [...new Set(readings.filter((one) => one.input_price === undefined).map((one) => one.provider_id))],
  }
  const key = JSON.stringify(row)
  rows.set(key, { answers: (rows.get(key)?.answers ?? 0) + 1, ...row })
}
writeFileSync(new URL('dataset.json', import.meta.url), printRows([...rows.values()]))

/** The exact sum of two decimals. */
function add(a: string, b: string): string {
  const places = 30
  const scaled = [a, b].map((text) => {
    const [digits = '', exponent = '0'] = text.toUpperCase().split('E')
    const [whole = '', fraction = ''] = digits.split('.')
    return BigInt(whole + fraction) * 10n ** BigInt(places - fraction.length + Number(exponent))
  })
  const sum = String(scaled.reduce((total, one) => total + one, 0n)).padStart(places + 1, '0')
  return `${sum.slice(0, -places)}.${sum.slice(-places)}`.replace(/\.?0+$/, '')
}
