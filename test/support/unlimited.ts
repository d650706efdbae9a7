/** For servers whose clients share one address and are much faster than people. */
export const UNLIMITED = {
  RATE_LIMIT_READS: '0',
  RATE_LIMIT_WRITES: '0',
  RATE_LIMIT_HANDSHAKES: '0',
  RATE_LIMIT_IP_READS: '0',
  RATE_LIMIT_IP_WRITES: '0',
  RATE_LIMIT_IP_HANDSHAKES: '0',
} as const
