import type * as OpenTelemetry from '@opentelemetry/api'
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import type { AttemptRecord, CallRecord, CallTrace, TraceHeaders, Tracing } from '../core/contract.ts'
import { attribute } from './gen-ai.ts'

/** Traces of calls, and what brings the last of them out. */
export interface OpenTracing {
  /** Undefined where no endpoint is configured: then what clients send is only passed on. */
  readonly tracing: Tracing | undefined
  /** Sends what is still here, and ends. */
  close(): Promise<void>
}

const endpoints = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']

/**
 * Traces every call where an OTLP endpoint is configured by OpenTelemetry's own variables, which also choose headers, sampling by
 * `OTEL_TRACES_SAMPLER_ARG` (a share from 0 to 1 of the calls that come without a trace) and `OTEL_SERVICE_NAME`. The SDK is loaded only when it is needed.
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<OpenTracing> {
  const asked = endpoints.some((name) => (env[name] ?? '') !== '') && env['OTEL_SDK_DISABLED'] !== 'true'
  if (!asked) return { tracing: undefined, close: async () => {} }
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ])
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': env['OTEL_SERVICE_NAME'] ?? 'switchyard',
      'service.version': version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(shareOf(env)) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  return { tracing: tracingWith(provider.getTracer('switchyard', version), api), close: () => provider.shutdown() }
}

function shareOf(env: Readonly<Record<string, string | undefined>>): number {
  const share = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? '1')
  return share >= 0 && share <= 1 ? share : 1
}

type Api = typeof OpenTelemetry

/** A span for each call, and below it one for each try; the try's is the parent of what the provider does. */
function tracingWith(tracer: Tracer, api: Api): Tracing {
  return {
    call(headers, { operation, dialect, alias, requestId }): CallTrace {
      const parent = contextOf(headers, api)
      const attributes = {
        [attribute.operation]: operation,
        [attribute.requestModel]: alias,
        [attribute.dialect]: dialect,
        [attribute.requestId]: requestId,
      }
      const call = tracer.startSpan(`${operation} ${alias}`, { kind: api.SpanKind.SERVER, attributes }, parent)
      const within = api.trace.setSpan(parent, call)
      return {
        attempt(name, model) {
          const about = {
            [attribute.operation]: operation,
            [attribute.provider]: name,
            [attribute.requestModel]: model,
          }
          const options = { kind: api.SpanKind.CLIENT, attributes: about }
          const span = tracer.startSpan(`${operation} ${model}`, options, within)
          return { headers: headersOf(span, headers), ended: (record) => endAttempt(span, record, api) }
        },
        settled: (record) => endCall(call, record, api),
      }
    },
  }
}

function contextOf({ traceparent }: TraceHeaders, { ROOT_CONTEXT, trace, TraceFlags }: Api): Context {
  if (traceparent === undefined) return ROOT_CONTEXT
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-')
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function headersOf(span: Span, { tracestate }: TraceHeaders): TraceHeaders {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  return { traceparent, ...(tracestate !== undefined && { tracestate }) }
}

function endAttempt(span: Span, { status, reason }: AttemptRecord, { SpanStatusCode }: Api): void {
  if (reason !== undefined) span.setAttribute(attribute.errorType, reason)
  if (status === 'error') span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function endCall(span: Span, record: CallRecord, { SpanStatusCode }: Api): void {
  span.setAttributes(attributesOf(record))
  if (record.status === 'error') span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function attributesOf(record: CallRecord): Attributes {
  const { usage, finishReasons, reason, cost } = record
  return {
    [attribute.provider]: record.provider,
    [attribute.responseModel]: record.model,
    [attribute.inputTokens]: usage.inputTokens,
    [attribute.outputTokens]: usage.outputTokens,
    [attribute.account]: record.account,
    [attribute.key]: record.keyId,
    [attribute.httpStatus]: record.httpStatus,
    ...(finishReasons.length > 0 && { [attribute.finishReasons]: [...finishReasons] }),
    ...(reason !== undefined && { [attribute.errorType]: reason }),
    ...(cost !== undefined && { [attribute.costNanoUsd]: Number(cost.nanoUsd) }),
  }
}
