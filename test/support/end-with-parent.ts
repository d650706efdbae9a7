/** A worker whose vitest was interrupted has no parent to report to: it ends, with everything that it started. */
process.once('disconnect', () => process.exit(1))
