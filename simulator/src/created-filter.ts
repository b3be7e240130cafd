import type { Parameters } from './parameters.js';

/** `created`, an instant, or `created[gt|gte|lt|lte]`; unix seconds. */
export function readCreated(parameters: Parameters): (created: number) => boolean {
  const exact = parameters.textUnlessObject('created');
  if (exact !== undefined) return (created) => created === Number(exact);
  const span = parameters.object('created');
  if (!span) return () => true;
  const bound = (name: string, open: number): number => span.integer(name) ?? open;
  const above = Math.max(bound('gt', -Infinity), bound('gte', -Infinity) - 1);
  const below = Math.min(bound('lt', Infinity), bound('lte', Infinity) + 1);
  span.end();
  return (created) => created > above && created < below;
}
