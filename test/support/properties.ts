import fc from 'fast-check'

/**
 * A property that fails says so, with its seed, before its test times out: searching for the smallest example of a
 * failure of the ledger takes minutes, and the timeout would hide what failed.
 */
fc.configureGlobal({ interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true })
