/** What all handlers tell middy. */

/**
 * No timer of middy's own: it would end a call 5 ms before Lambda does, with a 500 where the contract has the gateway's
 * 503, and without ending the work. Our own margins end the work of `deliver`, `sweep` and `attach`; every other call may
 * be ended at any moment.
 */
export const untimed = { timeoutEarlyInMillis: 0 };
