import { PushScene } from './push-scene.js';

export const NOVEMBER = '2026-11-01T00:00:00Z';
export const DECEMBER = '2026-12-01T00:00:00Z';

/** A customer and a meter that are mapped, in the middle of November. */
export async function mapped(env: Record<string, string> = {}): Promise<PushScene> {
  const scene = await PushScene.open(env);
  await scene.meter();
  await scene.customer();
  await scene.period(NOVEMBER, DECEMBER);
  await scene.now('2026-11-10T12:30:20Z');
  return scene;
}
