/**
 * The upstream of the benchmark: answers chat completions at once, from prepared bytes. Its path says how: a whole answer of
 * 0.6 KB, a transcript, 200 chunks in one burst, or one chunk and then silence. Prints its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const text = 'The quick brown fox jumps over the lazy dog. '.repeat(5)
const whole = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'bench-1',
  choices: [
    { index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 230, completion_tokens: 50, total_tokens: 280, prompt_tokens_details: { cached_tokens: 0 } },
})

function chunk(delta: object, reason: string | null, usage: object | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: reason }]
  const body = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'bench-1',
    choices,
    usage,
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

const first = chunk({ role: 'assistant', content: '' }, null, null)
const words = Array.from({ length: 198 }, (_, index) => chunk({ content: ` word${index}` }, null, null)).join('')
const last = chunk({}, 'stop', { prompt_tokens: 230, completion_tokens: 198, total_tokens: 428 })
const burst = Buffer.from(`${first}${words}${last}data: [DONE]\n\n`)

const transcript = JSON.stringify({ text, usage: { type: 'duration', seconds: 60 } })

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume()
  request.once('end', () => {
    const mode = request.url?.split('/')[1]
    if (mode === 'speech') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(transcript) })
      response.end(transcript)
      return
    }
    if (mode === 'whole') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) })
      response.end(whole)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (mode === 'burst') response.end(burst)
    else response.write(first)
  })
})
server.listen(0, '127.0.0.1', 4096, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.on('SIGTERM', () => process.exit(0))
