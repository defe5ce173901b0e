import { expect, test } from 'vitest'
import { fail, type Issue, type Reason, reasons } from '../../error/index.ts'
import { errorBody, errorStatus } from './errors.ts'
import { validationError } from './types.ts'

test.each(Object.keys(reasons) as Reason[])('shows %s as its message, with the common status', (reason) => {
  const error = fail(reason, 'no')
  expect(errorBody(error)).toBe('{"detail":"no"}')
  expect(errorStatus(error)).toBe(reasons[reason].status)
})

test('lists what is wrong with the fields of a request, as a 422', () => {
  const issues: Issue[] = [
    { path: ['args', 'messages', 0, 'role'], message: 'is required', type: 'missing' },
    { path: ['model'], message: 'Invalid input: expected string, received number', type: 'invalid_type', input: 5 },
  ]
  const error = fail('invalid_request', 'args.messages[0].role is required', { issues })
  expect(errorStatus(error)).toBe(422)
  expect(validationError.parse(JSON.parse(errorBody(error)))).toEqual({
    detail: [
      { loc: ['body', 'args', 'messages', 0, 'role'], msg: 'Field required', type: 'missing', input: null },
      {
        loc: ['body', 'model'],
        msg: 'Invalid input: expected string, received number',
        type: 'string_type',
        input: 5,
      },
    ],
  })
})

test('does not list a million problems', () => {
  const issues = Array.from({ length: 1000 }, (_, at): Issue => ({ path: ['args', at], message: 'no', type: 'custom' }))
  const { detail } = validationError.parse(JSON.parse(errorBody(fail('invalid_request', 'no', { issues }))))
  expect(detail).toHaveLength(100)
})
