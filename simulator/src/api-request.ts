import type { FormObject } from './form-decoding.js';

/** A request as it came, decoded and not yet judged. */
export interface ApiRequest {
  requestId: string;
  method: string;
  path: string;
  form: FormObject;
  authorization: string | undefined;
  /** The account of `Stripe-Account` or `Stripe-Context`. */
  onBehalfOf: string | null;
  idempotencyKey: string | null;
  apiVersion: string | null;
  /** Tells when the client went away; what comes after is not in flight for it any more. */
  onClosed: (closed: () => void) => void;
}
