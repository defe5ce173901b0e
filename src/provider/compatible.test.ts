import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  anthropicClient,
  bedrockClient,
  cohereClient,
  geminiClient,
  ollamaClient,
  openaiClient,
  responsesClient,
} from '../dialects/clients.ts'
import { compatible } from './compatible.ts'

const { settings } = compatible(openaiClient, { type: 'made', title: 'Made' }).manifest

describe("the options of a vendor's format", () => {
  test('are taken as the format has them', () => {
    const options = {
      limitField: 'max_completion_tokens',
      refuses: ['seed'],
      renames: { seed: 'random_seed', user: null },
      embeddings: { inputs: 10, purpose: { field: 'input_type', words: { query: 'query' } } },
    }
    expect(settings.parse({ options })).toEqual({ headers: {}, options })
    expect(settings.parse({})).toEqual({ headers: {}, options: {} })
  })

  test.each([
    [{ refuses: 5 }, ['options', 'refuses']],
    [{ limitField: 'max' }, ['options', 'limitField']],
    [{ embeddings: { inputs: 0 } }, ['options', 'embeddings', 'inputs']],
    [{ misspelt: true }, ['options']],
    [{ embeddings: { misspelt: true } }, ['options', 'embeddings']],
  ])('are refused with the place when they are not: %j', (options, path) => {
    expect(settings.safeParse({ options }).error?.issues).toMatchObject([{ path }])
  })

  test.each([anthropicClient, bedrockClient, cohereClient, geminiClient, ollamaClient, openaiClient, responsesClient])(
    'may be the defaults of $name',
    ({ options, defaults }) => {
      expect(z.strictObject(options).partial().parse(defaults)).toEqual(defaults)
    },
  )
})
