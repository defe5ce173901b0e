import { asMap, asText, bodyBytes, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { type HttpAnswer, patience } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Endpoint } from './contract.ts'

const plain = { input: 'What was recorded.', voice: 'alloy' }

/** Asks for sound. Its bytes are read as text of one character each, so that none is lost. */
async function ask(line: Line, path: string, body: object): Promise<HttpAnswer> {
  const response = await fetch(line.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer key-of-the-client' },
    body: JSON.stringify({ ...plain, ...body, model: modelName(line) }),
    signal: AbortSignal.timeout(patience),
  })
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
  return { status: response.status, headers: response.headers, text }
}

const soundOf = ({ response }: WireCase): string => bodyBytes(response).toString('latin1')

function arrived(line: Line, { request }: WireCase): readonly string[] {
  const expected = { ...asMap(request?.body), model: line.model }
  const difference = firstDifference(expected, asMap(line.received[0]?.body), 'request')
  return difference === undefined ? [] : [difference]
}

/** All that is said over RPC. */
async function spoken(line: Line, body: object): Promise<string> {
  let sound = ''
  for await (const { event } of line.grpc.synthesize({ ...plain, ...body, model: modelName(line) }, rpcPatience()))
    if (event.case === 'audio') sound += Buffer.from(event.value).toString('latin1')
  return sound
}

/** `POST /v1/audio/speech`, of OpenAI and of vendors compatible with it. */
export const openaiSpeech: Endpoint = {
  path: /\/audio\/speech\/?$/,
  below: '/audio/speech',
  own: (line, { request }) => ask(line, '/v1/audio/speech', asMap(request?.body) ?? {}),
  unlike(wireCase, answer) {
    const type = answer.headers.get('content-type')
    const recorded = wireCase.response.headers['content-type']
    return [
      ...(type === recorded ? [] : [`content-type is "${type}", recorded "${recorded}"`]),
      ...(answer.text === soundOf(wireCase) ? [] : ['the sound is not what was recorded']),
    ]
  },
  arrived,
  translated(line, { request }) {
    const { input, voice } = asMap(request?.body) ?? {}
    return spoken(line, { input: asText(input), voice: asText(voice) })
  },
  arrivedTranslated: arrived,
  said: soundOf,
  ways: [
    { check: 'grpc', label: '', ask: async (line) => ({ said: await spoken(line, {}) }) },
    {
      check: 'scaigrid',
      label: '',
      async ask(line) {
        const answer = await ask(line, '/v1/inference/audio/synthesize', {})
        return { answer, said: answer.text }
      },
    },
  ],
}
