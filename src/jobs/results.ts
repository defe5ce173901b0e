import type { BatchStore, LineAnswer, LineRow } from '../store/contract.ts'

/** Rows read at a time: each holds a whole answer. */
const rowsAtOnce = 50

/**
 * The lines of a batch that are done, or those that failed, in their order: JSON lines in the form of OpenAI's result files. What failed
 * by an answer of HTTP has that; all else has an error.
 */
export async function* resultLines(
  store: Pick<BatchStore, 'lines'>,
  batchId: string,
  state: 'done' | 'failed',
): AsyncGenerator<Uint8Array, void, void> {
  for (let last = 0; ;) {
    const rows = await store.lines(batchId, last, rowsAtOnce, state)
    const end = rows.at(-1)
    if (end === undefined) return
    yield Buffer.from(rows.map((row) => resultLine(batchId, row)).join(''))
    last = end.line
  }
}

function resultLine(batchId: string, { line, customId, answer, problem }: LineRow): string {
  const id = `${batchId.replace(/^batch_/, 'batch_req_')}_${line}`
  const response = answer === undefined ? 'null' : responseOf(answer)
  const error = answer === undefined ? JSON.stringify(problem ?? lost) : 'null'
  return `{"id":${JSON.stringify(id)},"custom_id":${JSON.stringify(customId)},"response":${response},"error":${error}}\n`
}

/** What OpenAI's files have, and what the provider could not carry, where there is anything. */
function responseOf({ httpStatus, requestId, body, dropped }: LineAnswer): string {
  const beside = dropped.length === 0 ? '' : `,"dropped":${JSON.stringify(dropped)}`
  return `{"status_code":${httpStatus},"request_id":${JSON.stringify(requestId)},"body":${oneLine(body)}${beside}}`
}

const lost = { code: 'internal', message: 'what came of the line is not known' }

/** JSON text without the line breaks that may stand between its tokens: within strings there are none. */
function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]+/g, ' ')
}
