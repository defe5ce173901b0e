import { expect, test } from 'vitest'
import { fail, type Reason, reasons } from '../../error/index.ts'
import { errorBody } from './errors.ts'

/** The codes that the dialect's documentation gives, by status. */
const documented: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  429: 'rate_limited',
  500: 'internal',
  502: 'backend_error',
  503: 'backend_unavailable',
  504: 'timeout',
}

test.each(Object.keys(reasons) as Reason[])('gives %s the code of its status', (reason) => {
  const code = documented[reasons[reason].status] ?? expect.stringMatching(/^[a-z_]+$/)
  expect(JSON.parse(errorBody(fail(reason, 'no'), 'req_xyz'))).toEqual({
    status: 'error',
    error: { code, message: 'no' },
    meta: { request_id: 'req_xyz' },
  })
})

test.each([
  ['the field at fault', fail('invalid_request', 'no', { param: 'top_p' }), { param: 'top_p' }],
  ['the timer that fired', fail('timeout', 'no', { timer: 'first_event' }), { timer: 'first_event' }],
])('tells %s in details', (_what, error, details) => {
  expect(JSON.parse(errorBody(error, 'req_xyz'))).toMatchObject({ error: { details } })
})
