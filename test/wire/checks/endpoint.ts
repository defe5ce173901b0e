import { ConnectError } from '@connectrpc/connect'
import { bodyBytes, parseOrText, saysDone, streamValues, type WireCase } from '../case.ts'
import { firstDifference } from '../compare.ts'
import type { Endpoint, Told } from '../endpoints/contract.ts'
import { faultOf, statusesFor } from '../fault.ts'
import { isNativeStream } from '../format.ts'
import { arrivalProblems } from './arrival.ts'
import { allDeliveries, oneDelivery, seedOf } from './deliveries.ts'
import { retryHeaders, rpcError, wordsMissing } from './error.ts'
import { headProblems, type HttpAnswer, valuesOf } from './http.ts'
import type { CheckName, Line, Probe } from './probe.ts'

/** Everything the gateway is asked about a recording of something else than a chat. */
export function endpointProbes(wireCase: WireCase, endpoint: Endpoint): Probe[] {
  const { status } = wireCase.response
  const asked = requestProbes(wireCase, endpoint)
  if (status >= 400) return [...asked, ...errorProbes(wireCase, endpoint)]
  return [...asked, ...ownProbes(wireCase, endpoint), ...wayProbes(wireCase, endpoint)]
}

function probe(wireCase: WireCase, check: CheckName, label: string, run: Probe['run']): Probe {
  return { check, label, pieces: oneDelivery(wireCase.response, seedOf(`${check} ${label} ${wireCase.id}`)), run }
}

/** The recorded question arrives at the vendor's own endpoint as it was: in its own words, and told in the contract's. */
function requestProbes(wireCase: WireCase, { own, arrived, translated, arrivedTranslated }: Endpoint): Probe[] {
  if (wireCase.request?.body == null) return []
  const problems = (line: Line, found: Endpoint['arrived']): readonly string[] =>
    line.received.length === 0
      ? ['request: never reached the upstream']
      : [...found(line, wireCase), ...arrivalProblems(wireCase, line)]
  const words =
    own === undefined
      ? []
      : [
          probe(wireCase, 'request', '', async (line) => {
            const answer = await own(line, wireCase)
            return refusedAlike(wireCase, line, answer) ? [] : problems(line, arrived)
          }),
        ]
  if (translated === undefined || arrivedTranslated === undefined) return words
  const told = probe(wireCase, own === undefined ? 'request' : 'translated', 'rpc', async (line) => {
    const thrown = await translated(line, wireCase).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    )
    if (line.received.length === 0 && refusable(wireCase)) return []
    return thrown !== undefined && wireCase.response.status < 400
      ? [`threw ${thrown.message}`]
      : problems(line, arrivedTranslated)
  })
  return [...words, told]
}

/** What the recorded vendor refused, the gateway may refuse itself, with the same status. */
function refusedAlike(wireCase: WireCase, line: Line, answer: HttpAnswer): boolean {
  return line.received.length === 0 && refusable(wireCase) && answer.status === wireCase.response.status
}

function refusable({ response: { status } }: WireCase): boolean {
  return status === 400 || status === 422
}

/** Asked in the vendor's own format, the gateway hands the answer through as it was. */
function ownProbes(wireCase: WireCase, { own, unlike = unlikeAsJson }: Endpoint): Probe[] {
  if (own === undefined) return []
  return allDeliveries(wireCase.response, seedOf(wireCase.id)).map(({ label, pieces }) => ({
    check: 'own',
    label,
    pieces,
    async run(line) {
      const answer = await own(line, wireCase)
      if (answer.status !== 200) return headProblems(answer, false)
      return [...unlike(wireCase, answer), ...calledAtLeastOnce(line)]
    },
  }))
}

function unlikeAsJson(wireCase: WireCase, answer: HttpAnswer): string[] {
  const { sse, body } = wireCase.response
  const streaming = isNativeStream(wireCase)
  const expected = sse === undefined ? body : streamValues(sse).map(({ value }) => value)
  const found = streaming ? valuesOf(answer) : parseOrText(answer.text)
  const difference = firstDifference(expected, found)
  const done = sse !== undefined && saysDone(sse) && !saysDone(answer.text)
  return [
    ...headProblems(answer, streaming),
    ...(difference === undefined ? [] : [difference]),
    ...(done ? ['the stream does not end with [DONE]'] : []),
  ]
}

function calledAtLeastOnce(line: Line): string[] {
  return line.received.length > 0 ? [] : ['the upstream was not called']
}

/** Asked in every other way, the gateway says what the recording says. */
function wayProbes(wireCase: WireCase, { ways, said }: Endpoint): Probe[] {
  return ways.map(({ check, label, ask }) =>
    probe(wireCase, check, label, async (line) => {
      const told = await ask(line, wireCase)
      if ('answer' in told && told.answer.status !== 200) return headProblems(told.answer, false)
      const difference = firstDifference(said(wireCase), told.said)
      return difference === undefined ? [] : [difference]
    }),
  )
}

/** A recorded error comes back with the right status and words in every way to ask, and shows nothing of ours. */
function errorProbes(wireCase: WireCase, { own, ways }: Endpoint): Probe[] {
  const fault = faultOf(wireCase.response)
  const judge = ({ status, headers, text }: HttpAnswer, line: Line): string[] => {
    const allowed = statusesFor(fault)
    if (!allowed.includes(status)) return [`answered ${status}, not ${allowed.join(' or ')}: ${text.slice(0, 300)}`]
    return [
      ...wordsMissing(fault, status, { message: text, problems: [] }),
      ...retryHeaders(fault, { status, headers, text }),
      ...leaksIn(wireCase, line, `${text}\n${JSON.stringify([...headers])}`),
    ]
  }
  const plain: WireCase = { ...wireCase, request: { method: 'POST', path: '', headers: {}, body: null } }
  const asked =
    own === undefined
      ? []
      : [{ label: 'own', ask: async (line: Line) => ({ answer: await own(line, plain), said: undefined }) }]
  return [...asked, ...ways].map(({ label, ask }) =>
    probe(wireCase, 'error', label, async (line) => {
      const told = await ask(line, plain).catch((error: unknown): Told => ({ said: ConnectError.from(error) }))
      if ('answer' in told) return judge(told.answer, line)
      if (!(told.said instanceof ConnectError)) return ['RPC ended with OK']
      return [...rpcError(fault, told.said), ...leaksIn(wireCase, line, told.said.message)]
    }),
  )
}

/** The upstream's address, the key, and a whole body are the gateway's own business. */
function leaksIn({ response }: WireCase, line: Line, text: string): string[] {
  const body = bodyBytes(response).toString().trim()
  const found = [...line.hidden, ...(body.length > 40 ? [body] : [])].filter((secret) => text.includes(secret))
  return found.map((secret) => `the error shows "${secret.slice(0, 60)}"`)
}
