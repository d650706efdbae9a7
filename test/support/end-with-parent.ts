/** A worker whose vitest was interrupted has nobody to report to: it ends, and what it started with it. */
process.once('disconnect', () => process.exit(1))
