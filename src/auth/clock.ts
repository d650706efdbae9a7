/** Seconds that two machines' clocks may be apart, in whatever a token says of time. */
export const CLOCK_TOLERANCE = 30
