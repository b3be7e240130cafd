export { startSimulator } from './start-simulator.js';
export type { ClockState, Simulator } from './simulator.js';
export type { SimulatorOptions } from './options.js';
export { DEFAULT_SWITCHES, type Reporting, type Switches } from './switches.js';
export { STRIPE_RATE_LIMITS, type RateLimits } from './rate-limit.js';
export type { ArmedFault, Fault, FaultName, FaultScript, PlainFaultName } from './faults.js';
export type { FaultMatch } from './fault-match.js';
export type { HourTotal, LedgerEntry, LedgerFilter, RejectionEntry } from './ledger.js';
