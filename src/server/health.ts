import type { DescService } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import {
  Health as HealthService,
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts'

/** How many may watch at a time; as anyone may, without a key. */
const watcherLimit = 1000
const smallMessage = { readMaxBytes: 4096 }

/** The gateway's state as `grpc.health.v1` tells it, for the whole (the empty name) and for each service. */
export class Health {
  readonly #services: ReadonlySet<string>
  readonly #watchers = new Set<() => void>()
  #status: Status = Status.NOT_SERVING
  #stopped = false

  /** Starts as not serving. */
  constructor(services: readonly DescService[]) {
    this.#services = new Set(['', ...services.map((service) => service.typeName)])
  }

  /** From now on new calls are welcome. */
  serving(): void {
    this.#change(Status.SERVING)
  }

  /** From now on clients should go elsewhere. Those who watch are told, and keep watching. */
  draining(): void {
    this.#change(Status.NOT_SERVING)
  }

  /** Ends all watching, which would otherwise keep connections open for ever. */
  stop(): void {
    this.#stopped = true
    this.#change(Status.NOT_SERVING)
  }

  /** Whether new calls are welcome. */
  get ready(): boolean {
    return this.#status === Status.SERVING
  }

  /** Adds the service to a router. It needs no key. */
  routes(router: ConnectRouter): void {
    const check = (service: string) => ({ status: this.#statusOf(service) })
    router.service(
      HealthService,
      {
        check: ({ service }) => {
          if (!this.#services.has(service))
            throw new ConnectError(`unknown service ${JSON.stringify(service)}`, Code.NotFound)
          return check(service)
        },
        list: () => ({ statuses: Object.fromEntries([...this.#services].map((service) => [service, check(service)])) }),
        watch: (request, context) => this.#watch(request, context),
      },
      smallMessage,
    )
  }

  async *#watch(
    { service }: HealthCheckRequest,
    { signal }: HandlerContext,
  ): AsyncGenerator<{ status: Status }, void, void> {
    if (this.#watchers.size >= watcherLimit) throw new ConnectError('too many watchers', Code.ResourceExhausted)
    let last: Status | undefined
    while (!signal.aborted) {
      const now = this.#statusOf(service)
      if (now !== last) yield { status: now }
      last = now
      if (this.#stopped) throw new ConnectError('the gateway is stopping', Code.Unavailable)
      if (now === this.#statusOf(service)) await this.#changed(signal)
    }
  }

  #statusOf(service: string): Status {
    return this.#services.has(service) ? this.#status : Status.SERVICE_UNKNOWN
  }

  #change(status: Status): void {
    this.#status = status
    for (const wake of this.#watchers) wake()
  }

  /** Resolves at the next change, or when the watcher leaves. */
  #changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#watchers.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}
