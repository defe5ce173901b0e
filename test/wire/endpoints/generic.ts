import { type JsonObject, toJson } from '@bufbuild/protobuf'
import { ValueSchema } from '@bufbuild/protobuf/wkt'
import { asMap, type JsonMap, parseOrText, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { type HttpAnswer, post } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Endpoint } from './contract.ts'

// Endpoints that the contract has no message for: question and answer go through as they are.

/** What was recorded as the question; a plain one where it was not. */
function argsOf({ request }: WireCase): JsonMap {
  return asMap(request?.body) ?? { query: 'q', documents: ['a'], input: 'a' }
}

async function askedByRpc(line: Line, operation: string, args: JsonMap): Promise<unknown> {
  const { response } = await line.connect.infer(
    { model: modelName(line), operation, args: args as JsonObject },
    rpcPatience(),
  )
  return response === undefined ? undefined : toJson(ValueSchema, response)
}

function askedWhole(line: Line, wireCase: WireCase): Promise<HttpAnswer> {
  return post(line, '/v5/inference', { model: modelName(line), args: argsOf(wireCase) })
}

function generic(operation: string, given: Pick<Endpoint, 'path' | 'below' | 'provider' | 'own'>): Endpoint {
  const arrived: Endpoint['arrived'] = ({ received: [first], model }, wireCase) => {
    const difference = firstDifference({ ...argsOf(wireCase), model }, first?.body, 'request')
    return difference === undefined ? [] : [difference]
  }
  return {
    ...given,
    unlike(wireCase, answer) {
      const expected = { object: 'generic_inference', response: wireCase.response.body }
      const difference = firstDifference(expected, parseOrText(answer.text))
      return difference === undefined ? [] : [difference]
    },
    arrived,
    translated: (line, wireCase) => askedByRpc(line, operation, argsOf(wireCase)),
    arrivedTranslated: arrived,
    said: ({ response }) => response.body,
    ways: [
      {
        check: 'canonical',
        label: '',
        ask: async (line, wireCase) => ({ said: await askedByRpc(line, operation, argsOf(wireCase)) }),
      },
    ],
  }
}

/** `POST /rerank` of Cohere, in both of its versions. */
export const cohereRerank: Endpoint = generic('rerank', {
  path: /\/v[12]\/rerank\/?$/,
  provider: () => ({ type: 'cohere', settings: {}, basePath: '', shows: 'bearer' }),
  own: askedWhole,
})

/** `POST /v1/moderations`, whose models only an operation's name tells from others. */
export const openaiModerations: Endpoint = generic('moderations', { path: /\/moderations\/?$/, below: '/moderations' })
