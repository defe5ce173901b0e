import { expect, test } from 'vitest'
import { fail, type Reason, reasons } from '../../error/index.ts'
import { errorBody } from './errors.ts'

/** The codes that the dialect's documentation gives, by status. */
const documented: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMITED',
  500: 'INTERNAL',
  502: 'PROVIDER_ERROR',
  503: 'UNAVAILABLE',
  504: 'TIMEOUT',
}

test.each(Object.keys(reasons) as Reason[])('gives %s the code of its status', (reason) => {
  const { error, ...envelope } = JSON.parse(errorBody(fail(reason, 'no'))) as { error: { code: string } }
  expect(envelope).toEqual({ success: false })
  expect(error).toEqual({
    code: documented[reasons[reason].status] ?? expect.stringMatching(/^[A-Z_]+$/),
    message: 'no',
  })
})

test('is the error of the page', () => {
  const error = fail('invalid_request', 'model is required', { param: 'model' })
  expect(errorBody(error)).toBe('{"success":false,"error":{"code":"BAD_REQUEST","message":"model is required"}}')
})
