/** Rates that no generator reaches. The server counts its requests but rejects none. */
export const AMPLE: Readonly<Record<string, string>> = Object.fromEntries(
  ['READS', 'WRITES', 'HANDSHAKES'].flatMap((kind) => [
    [`RATE_LIMIT_${kind}`, '900000000'],
    [`RATE_LIMIT_IP_${kind}`, '900000000'],
  ]),
)
