import type { ReplicaPools } from './replica-sessions.ts'
import type { Replicas } from './replicas.ts'

/**
 * The same object, of which these methods read on a replica where that is possible. A generator must read by them.
 * @param copy makes another one that reads there
 * @param methods the `waitMs` of each: see `Replicas.read`
 */
export function onReplicas<T extends object>(
  replicas: Replicas | undefined,
  primary: T,
  copy: (pools: ReplicaPools) => T,
  methods: { readonly [Name in keyof T]?: number },
): T {
  if (!replicas) return primary
  const copies = new Map(replicas.all.map((replica) => [replica, copy(replica.pools)]))
  return new Proxy(primary, {
    get(_, name, self) {
      const method: unknown = Reflect.get(primary, name)
      if (typeof method !== 'function') return method
      // It reads its pages by the methods below.
      if (isGenerator(method)) return method.bind(self)
      const waitMs = methods[name as keyof T]
      // Bound, because private fields cannot be read through a proxy.
      if (waitMs === undefined) return method.bind(primary)
      return (...parameters: unknown[]) =>
        replicas.read<unknown>(
          waitMs,
          (replica) => method.apply(copies.get(replica), parameters),
          () => method.apply(primary, parameters),
        )
    },
  })
}

function isGenerator(method: object): boolean {
  return Object.prototype.toString.call(method) === '[object AsyncGeneratorFunction]'
}
