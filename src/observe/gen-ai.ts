/** Names of span attributes: OpenTelemetry's semantic conventions for generative AI, HTTP and errors, version 1.37. */
export const attribute = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  finishReasons: 'gen_ai.response.finish_reasons',
  errorType: 'error.type',
  httpStatus: 'http.response.status_code',
  /** Of this gateway's own. */
  requestId: 'switchyard.request.id',
  dialect: 'switchyard.dialect',
  account: 'switchyard.account',
  key: 'switchyard.key',
  costNanoUsd: 'switchyard.cost.nano_usd',
} as const
