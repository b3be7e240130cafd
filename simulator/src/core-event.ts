/** The request that made an event; null for what time made. */
export type EventRequest = { id: string; idempotency_key: string | null } | null;

/** Stripe's classic event, which carries its object as it was. */
export interface SnapshotEvent {
  id: string;
  object: 'event';
  api_version: string;
  /** Unix seconds: several events share one, and it says nothing about their order. */
  created: number;
  data: { object: object; previous_attributes?: object };
  livemode: boolean;
  /** Endpoints that have not answered 2xx. */
  pending_webhooks: number;
  request: EventRequest;
  type: string;
}

export interface RelatedObject {
  id: string;
  type: string;
  url: string;
}

/** A v2 event as `GET /v2/core/events/:id` answers it; pushed without `data`. */
export interface ThinEvent {
  id: string;
  object: 'v2.core.event';
  type: string;
  livemode: boolean;
  /** RFC 3339 with milliseconds. */
  created: string;
  context: null;
  reason: null;
  /** Stripe's samples show `{}` where there is none. */
  related_object?: RelatedObject | Record<string, never>;
  /** The classic event about the same change. */
  snapshot_event?: string;
  data?: object;
}

export function notificationOf(event: ThinEvent): object {
  const { data: _data, ...notification } = event;
  return notification;
}
