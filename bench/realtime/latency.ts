export async function latency() {
  const none = { p50: Number.NaN, p99: Number.NaN }
  return { event: none, parts: none }
}
