import type { CodeEntry } from './code-entry.js';

/** Codes of billing periods, their closes, and usage by windows. */
export const BILLING_CODES = {
  billing_period_not_found: {
    status: 404,
    title: 'The customer has no such billing period',
    remedy: 'List them with `GET /v1/customers/:id/billing-periods?meter=`.',
  },
  period_close_not_found: {
    status: 404,
    title: 'No period close has this id',
    remedy: 'Use the id that `POST /v1/period-closes` answered.',
  },
  replay_not_found: {
    status: 404,
    title: 'No replay has this id',
    remedy: 'Use the id that `POST /v1/replays` answered.',
  },
  replay_not_reversible: {
    status: 409,
    title: 'The replay has replaced nothing',
    remedy: 'Take back a replay of mode `apply`.',
  },
  replay_running: {
    status: 409,
    title: 'Somebody is at work on the replay',
    remedy: 'Wait until `GET /v1/replays/:id` says `finished`, or stop the command that runs it.',
  },
  ledger_month_missing: {
    status: 409,
    title: 'The ledger no longer has, or never had, the months that this needs',
    remedy:
      'What closed periods came to stands as before. For single entries of a month that was retained ' +
      'look into its file; where a month was lost, restore it from a backup.',
  },
  as_of_in_future: {
    status: 422,
    title: 'Periods cannot be closed ahead of time',
    remedy: 'Send an `as_of` that is not later than now.',
  },
  window_not_aligned: {
    status: 422,
    title: '`from` and `to` must fall on a quarter hour',
    remedy: 'Send instants at :00, :15, :30 or :45.',
  },
  too_many_windows: {
    status: 422,
    title: 'The range has too many windows',
    remedy: 'Ask for a shorter range or a longer window.',
  },
} as const satisfies Record<string, CodeEntry>;
